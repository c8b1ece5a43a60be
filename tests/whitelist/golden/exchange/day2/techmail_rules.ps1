# Brings the transport rules up to date; run it after Connect-ExchangeOnline
# serial=@SERIAL@ policy=2026-03; written by the portal, not by hand
$ErrorActionPreference = 'Stop'
$wanted = @()
$name = 'TechMail allow 2027-11-22 enforced 01'
$wanted += $name
$rule = @{
  Mode = 'Enforce'
  FromAddressMatchesPatterns = @('^notices@vendor\.example$','^orders@mail\.vendor\.example$')
  SenderAddressLocation = 'Header'
  HeaderMatchesMessageHeader = 'Authentication-Results'
  HeaderMatchesPatterns = @('dkim=pass[^;]*;\s*dmarc=pass')
  SetSCL = -1
  ExpiryDate = [datetime]'2027-11-22T23:59:00'
  Comments = 'TM-W-1001'
}
if (Get-TransportRule -Identity $name -ErrorAction SilentlyContinue) { Set-TransportRule -Identity $name @rule } else { New-TransportRule -Name $name @rule }
Get-TransportRule | Where-Object { $_.Name -clike 'TechMail allow *' -and $wanted -cnotcontains $_.Name } | Remove-TransportRule -Confirm:$false
