// Zerto's session API with .NET 6 or newer: start a session, ask for the server's time, end it.
//
//   dotnet new console -o zerto && cp zerto.cs zerto/Program.cs && cd zerto
//   SG_USER=admin SG_PASSWORD=... SG_CA=/path/to/ca.pem dotnet run          # Windows (method 0)
//   ... dotnet run 1                                                        # hypervisor manager
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

string Setting(string name, string? otherwise = null) =>
    Environment.GetEnvironmentVariable(name) ?? otherwise
    ?? throw new InvalidOperationException($"set {name} first");

var url = Setting("SG_URL", "https://127.0.0.1:9669");
var method = args.Length > 0 ? args[0] : "0";
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

var credential = Encoding.UTF8.GetBytes($"{Setting("SG_USER")}:{Setting("SG_PASSWORD")}");
using var start = new HttpRequestMessage(HttpMethod.Post, $"{url}/v1/session/add")
{
    Headers = { Authorization = new("Basic", Convert.ToBase64String(credential)) },
    Content = new StringContent(
        "{\"AuthenticationMethod\": " + method + "}", Encoding.UTF8, "application/json"),
};
using var started = await client.SendAsync(start);
started.EnsureSuccessStatusCode();
var token = started.Headers.GetValues("x-zerto-session").Single();
client.DefaultRequestHeaders.Add("x-zerto-session", token);
Console.WriteLine("session started");

Console.WriteLine($"server time {await client.GetStringAsync($"{url}/v1/serverDateTime")}");

using var ended = await client.DeleteAsync($"{url}/v1/session");
ended.EnsureSuccessStatusCode();
Console.WriteLine("session ended");
