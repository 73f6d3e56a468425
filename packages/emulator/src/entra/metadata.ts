import type { Entra } from "../auth/entra.ts";

/** OpenID Connect's discovery document of a tenant; `version` decides about the form of the endpoints. */
export function openIdConfiguration(origin: string, tenant: string, version: "v1" | "v2") {
  const base = `${origin}/${tenant}`;
  const [oauth2, keys] =
    version === "v2"
      ? [`${base}/oauth2/v2.0`, `${base}/discovery/v2.0/keys`]
      : [`${base}/oauth2`, `${base}/discovery/keys`];
  return {
    token_endpoint: `${oauth2}/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
    jwks_uri: keys,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "token id_token", "token"],
    scopes_supported: ["openid"],
    // The service itself names `sts.windows.net` for v1. Clients hold it against the authority they asked.
    issuer: version === "v2" ? `${base}/v2.0` : `${base}/`,
    // Never answered here: nobody can sign in by hand.
    authorization_endpoint: `${oauth2}/authorize`,
    device_authorization_endpoint: `${oauth2}/devicecode`,
    end_session_endpoint: `${oauth2}/logout`,
    claims_supported: ["sub", "iss", "aud", "exp", "iat", "tid", "ver"],
    tenant_region_scope: null,
    cloud_instance_name: new URL(origin).host,
  };
}

/** What clients ask first that do not know an authority: whether it is one, and by which other names. */
export function instanceDiscovery(origin: string, tenant: string) {
  const { host } = new URL(origin);
  return {
    tenant_discovery_endpoint: `${origin}/${tenant}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

/** The keys that verify tokens. */
export async function keySet(entra: Entra) {
  return { keys: await entra.publicKeys() };
}
