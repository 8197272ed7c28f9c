// vSphere's JSON protocol with .NET 6 or newer: log in with a locale, read the session, log out.
//
//   dotnet new console -o vsphere && cp vsphere.cs vsphere/Program.cs && cd vsphere
//   SG_USER=admin SG_PASSWORD=... SG_CA=/path/to/ca.pem dotnet run de
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

string Setting(string name, string? otherwise = null) =>
    Environment.GetEnvironmentVariable(name) ?? otherwise
    ?? throw new InvalidOperationException($"set {name} first");

var url = Setting("SG_URL", "https://127.0.0.1:9669");
var manager = $"{url}/sdk/vim25/8.0.3.0/SessionManager/SessionManager";
var ca = X509Certificate2.CreateFromPem(File.ReadAllText(Setting("SG_CA", "var/tls/ca.pem")));

// The server's own CA is the only one trusted, and the certificate's names are checked.
using var handler = new HttpClientHandler
{
    ServerCertificateCustomValidationCallback = (_, certificate, _, problems) =>
    {
        if (certificate is null || (problems & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(ca);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    },
};
using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30) };

var login = new Dictionary<string, string>
{
    ["userName"] = Setting("SG_USER"),
    ["password"] = Setting("SG_PASSWORD"),
};
if (args.Length > 0)
    login["locale"] = args[0];
using var reply = await client.PostAsJsonAsync($"{manager}/Login", login);
if (!reply.IsSuccessStatusCode)
{
    // A fault: its type says what was wrong, `faultstring` says it to people.
    var fault = await reply.Content.ReadFromJsonAsync<JsonElement>();
    Console.Error.WriteLine($"{fault.GetProperty("_typeName")}: {fault.GetProperty("faultstring")}");
    return 1;
}
var token = reply.Headers.GetValues("vmware-api-session-id").Single();
client.DefaultRequestHeaders.Add("vmware-api-session-id", token);
Console.WriteLine("logged in");

Console.WriteLine(await client.GetStringAsync($"{manager}/currentSession"));

using var ended = await client.PostAsync($"{manager}/Logout", null);
ended.EnsureSuccessStatusCode();
Console.WriteLine("logged out");
return 0;
