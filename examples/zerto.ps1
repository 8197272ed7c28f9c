# Zerto's session API with PowerShell: start a session, ask for the server's time, end it.
# For Windows PowerShell 5.1 and PowerShell 7. The server's CA must be trusted: see docs/tls.md.
#
#   .\zerto.ps1 -Credential (Get-Credential)              # Windows credentials (method 0)
#   .\zerto.ps1 -Credential (Get-Credential) -Method 1    # of the hypervisor manager
param(
    [Parameter(Mandatory)] [PSCredential] $Credential,
    [string] $Url = 'https://127.0.0.1:9669',
    [ValidateSet(0, 1)] [int] $Method = 0
)
$ErrorActionPreference = 'Stop'
if ($PSVersionTable.PSVersion.Major -lt 6) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
}

# The header at once, without waiting for the challenge.
$plain = '{0}:{1}' -f $Credential.UserName, $Credential.GetNetworkCredential().Password
$basic = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($plain))
$start = @{
    Uri             = "$Url/v1/session/add"
    Method          = 'Post'
    Headers         = @{ Authorization = "Basic $basic" }
    ContentType     = 'application/json'
    Body            = @{ AuthenticationMethod = $Method } | ConvertTo-Json
    UseBasicParsing = $true
}
$reply = Invoke-WebRequest @start

# One string in 5.1, an array of strings in 7.
$session = @{ 'x-zerto-session' = @($reply.Headers['x-zerto-session'])[0] }
Write-Output 'session started'
try {
    $now = Invoke-RestMethod -Uri "$Url/v1/serverDateTime" -Headers $session
    Write-Output "server time $now"
}
finally {
    $null = Invoke-WebRequest -Uri "$Url/v1/session" -Method Delete -Headers $session -UseBasicParsing
    Write-Output 'session ended'
}
