"""The provider's addresses: sign-in, OpenID Connect at the root, and the metadata of a SAML provider."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.support.identity_provider import SAML_ENTITY_ID

METADATA = """<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
 <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
  <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
   <ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
  <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{sign_in}"/>
 </md:IDPSSODescriptor>
</md:EntityDescriptor>
"""


def certificate() -> str:
    """A fresh self-signed certificate, base64 of its DER."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider of the test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


CERTIFICATE = certificate()


def metadata(request: HttpRequest) -> HttpResponse:
    """What a SAML provider publishes of itself."""
    sign_in = request.build_absolute_uri("/saml/sign-in")
    text = METADATA.format(entity=SAML_ENTITY_ID, certificate=CERTIFICATE, sign_in=sign_in)
    return HttpResponse(text, content_type="application/samlmetadata+xml")


urlpatterns = [
    path("saml/metadata", metadata),
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
]
