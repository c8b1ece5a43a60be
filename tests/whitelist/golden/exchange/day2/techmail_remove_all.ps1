# Removes every transport rule of the portal; run it after Connect-ExchangeOnline
# serial=@SERIAL@ policy=2026-03; written by the portal, not by hand
$ErrorActionPreference = 'Stop'
Get-TransportRule | Where-Object { $_.Name -clike 'TechMail allow *' } | Remove-TransportRule -Confirm:$false
