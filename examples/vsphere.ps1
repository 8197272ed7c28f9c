# vSphere's JSON protocol with PowerShell: log in with a locale, read the current session, log out.
# For Windows PowerShell 5.1 and PowerShell 7. The server's CA must be trusted: see docs/tls.md.
#
#   .\vsphere.ps1 -Credential (Get-Credential) -Locale de
param(
    [Parameter(Mandatory)] [PSCredential] $Credential,
    [string] $Url = 'https://127.0.0.1:9669',
    [string] $Locale
)
$ErrorActionPreference = 'Stop'
if ($PSVersionTable.PSVersion.Major -lt 6) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
}
$manager = "$Url/sdk/vim25/8.0.3.0/SessionManager/SessionManager"

$login = @{
    userName = $Credential.UserName
    password = $Credential.GetNetworkCredential().Password
}
if ($Locale) { $login.locale = $Locale }
$start = @{
    Uri             = "$manager/Login"
    Method          = 'Post'
    ContentType     = 'application/json; charset=utf-8'
    # As bytes: 5.1 would send a string in Latin-1.
    Body            = [Text.Encoding]::UTF8.GetBytes(($login | ConvertTo-Json))
    UseBasicParsing = $true
}
$reply = Invoke-WebRequest @start

# One string in 5.1, an array of strings in 7.
$session = @{ 'vmware-api-session-id' = @($reply.Headers['vmware-api-session-id'])[0] }
Write-Output 'logged in'
try {
    Invoke-RestMethod -Uri "$manager/currentSession" -Headers $session
}
finally {
    $null = Invoke-WebRequest -Uri "$manager/Logout" -Method Post -Headers $session -UseBasicParsing
    Write-Output 'logged out'
}
