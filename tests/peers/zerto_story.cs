// A session of Zerto's API as a .NET Framework program lives it, by HttpWebRequest:
// URL FINGERPRINT USER PASSWORD. The certificate with this SHA-256 is trusted, and no other: Mono
// builds no chain of ours. Prints a line for each step: what was done, and what came of it.
using System;
using System.IO;
using System.Net;
using System.Security.Cryptography;
using System.Text;

static class Story {
    const string Header = "x-zerto-session";
    static string url, user, password;

    static string Fingerprint(byte[] certificate) {
        using (var digest = SHA256.Create())
            return BitConverter.ToString(digest.ComputeHash(certificate)).Replace("-", ":");
    }

    static HttpWebRequest Request(string method, string path, string session) {
        var request = (HttpWebRequest)WebRequest.Create(url + path);
        request.Method = method;
        request.Timeout = 10000;
        if (session != null) request.Headers.Add(Header, session);
        return request;
    }

    // The status and the text, or the session that was started.
    static string Sent(HttpWebRequest request, string body = null) {
        if (body != null) {
            var bytes = Encoding.UTF8.GetBytes(body);
            using (var stream = request.GetRequestStream()) stream.Write(bytes, 0, bytes.Length);
        } else if (request.Method == "POST") {
            request.ContentLength = 0;
        }
        HttpWebResponse response;
        try {
            response = (HttpWebResponse)request.GetResponse();
        } catch (WebException error) when (error.Response != null) {
            return ((int)((HttpWebResponse)error.Response).StatusCode).ToString();
        }
        using (response)
        using (var reader = new StreamReader(response.GetResponseStream()))
            return response.Headers[Header] ?? ((int)response.StatusCode + " " + reader.ReadToEnd());
    }

    // Credentials are sent only once the server has asked for them: the 401 must name a scheme.
    static string Challenged(string secret, string body = null) {
        var request = Request("POST", "/v1/session/add", null);
        request.Credentials = new NetworkCredential(user, secret);
        request.ContentType = "application/json";
        return Sent(request, body);
    }

    static string AtOnce() {
        var request = Request("POST", "/v1/session/add", null);
        var pair = Convert.ToBase64String(Encoding.UTF8.GetBytes(user + ":" + password));
        request.Headers.Add("Authorization", "Basic " + pair);
        request.ContentType = "application/json";
        return Sent(request);
    }

    static string Machines(string session, string accept) {
        var request = Request("GET", "/v1/vms", session);
        request.Accept = accept;
        return Sent(request);
    }

    static void Live(string start, string session) {
        Console.WriteLine(start + ": " + (session.Length > 20));
        Console.WriteLine("machines: " + Machines(session, "application/json"));
        Console.WriteLine("machines, XML: " + Machines(session, "application/xml"));
        Console.WriteLine("end: " + Sent(Request("DELETE", "/v1/session", session)).Trim());
        Console.WriteLine("end again: " + Sent(Request("DELETE", "/v1/session", session)));
        Console.WriteLine("machines then: " + Machines(session, "application/json"));
    }

    static void Main(string[] args) {
        url = args[0];
        user = args[2];
        password = args[3];
        ServicePointManager.ServerCertificateValidationCallback =
            (sender, shown, chain, errors) => Fingerprint(shown.GetRawCertData()) == args[1];
        Console.WriteLine("wrong password: " + Challenged("wrong"));
        Live("at once", AtOnce());
        Live("challenged", Challenged(password));
        Live("challenged, with a body", Challenged(password, "{\"AuthenticationMethod\":1}"));
    }
}
