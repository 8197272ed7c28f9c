// An OpenID provider on a free loopback port, for the tests: `oidc.py` starts it.
//
// Arguments: the package's entry, certificate, key, and the issuer if it is not to be itself (an
// impostor). Prints READY with its address, then each path it is asked for. Each run signs with a
// key of its own, always called "first". Access tokens are JWTs for the resource that is asked for.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { pathToFileURL } from "node:url";

const [entry, certificate, key, otherIssuer] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(entry));

const HOUR = 3600;
// Who the clients' tokens are about, and that one's groups.
const PEOPLE = { ada: ["gate-admins", "staff"], bob: ["gate-users"], eve: ["staff"] };
const AUDIENCES = {
  "urn:gate": "sessiongate",
  "urn:gate:expired": "sessiongate",
  "urn:other": "other",
};

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: "first", alg: "RS256", use: "sig" };
}

function configuration() {
  return {
    clients: Object.keys(PEOPLE).map((name) => ({
      client_id: name,
      client_secret: `${name}-secret`,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    cookies: { keys: [randomBytes(16).toString("hex")] },
    jwks: { keys: [signingKey()] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          audience: AUDIENCES[resource],
          scope: "",
          accessTokenFormat: "jwt",
          accessTokenTTL: HOUR,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt(ctx, token, jwt) {
          if (ctx.oidc.params.resource === "urn:gate:expired") {
            jwt.payload.iat -= 2 * HOUR;
            jwt.payload.exp -= 2 * HOUR;
          }
        },
      },
    },
    extraTokenClaims: (ctx, token) => ({
      preferred_username: token.clientId,
      groups: PEOPLE[token.clientId],
    }),
    ttl: { ClientCredentials: HOUR },
  };
}

const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.listen(0, "127.0.0.1", () => {
  const address = `https://127.0.0.1:${server.address().port}`;
  const answer = new Provider(otherIssuer ?? address, configuration()).callback();
  server.on("request", (request, response) => {
    console.log(`${request.method} ${request.url}`);
    answer(request, response);
  });
  console.log(`READY ${address}`);
});
