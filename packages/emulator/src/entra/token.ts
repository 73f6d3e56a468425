import { audienceOf, ENTRA_TOKEN_LIFE, type Entra } from "../auth/entra.ts";
import { type AssertionContext, authenticateClient, required, shown } from "./client-authentication.ts";
import { EntraFailure } from "./entra-failure.ts";

/** The answer to a token request; `version` decides about the form of request and answer. @throws {EntraFailure} */
export async function issueToken(
  entra: Entra,
  form: URLSearchParams,
  version: "v1" | "v2",
  context: AssertionContext,
): Promise<unknown> {
  const grantType = required(form, "grant_type");
  if (grantType !== "client_credentials") {
    throw new EntraFailure(70003, `The app requested an unsupported grant type '${shown(grantType)}'.`);
  }
  const { application, proof } = await authenticateClient(entra, form, context);
  const audience = version === "v2" ? scopedAudience(required(form, "scope")) : required(form, "resource");
  // Any resource that can be named has a principal here: a registry refuses tokens for others than its own (2.7).
  if (!/^(?:https?|api):\/\/[!-~]+$|^[0-9a-f-]{36}$/i.test(audience)) {
    throw new EntraFailure(
      500011,
      `The resource principal named ${shown(audience)} was not found in the tenant named ${entra.directory.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
  const { token, expiresOn } = await entra.accessToken(application, audience, proof);
  if (version === "v2") {
    return {
      token_type: "Bearer",
      expires_in: ENTRA_TOKEN_LIFE,
      ext_expires_in: ENTRA_TOKEN_LIFE,
      access_token: token,
    };
  }
  // Version 1 writes numbers as texts.
  return {
    token_type: "Bearer",
    expires_in: String(ENTRA_TOKEN_LIFE),
    ext_expires_in: String(ENTRA_TOKEN_LIFE),
    expires_on: String(expiresOn),
    not_before: String(expiresOn - ENTRA_TOKEN_LIFE),
    resource: audience,
    access_token: token,
  };
}

/** The words of OpenID Connect that clients put beside the resource's scope. */
const OPENID_SCOPES = new Set(["openid", "profile", "email", "offline_access"]);

function scopedAudience(scope: string): string {
  const [first = "", ...others] = scope.split(" ").filter((word) => word !== "" && !OPENID_SCOPES.has(word));
  if (first === "" || others.length > 0) {
    throw new EntraFailure(
      70011,
      `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${shown(scope)} is not valid.`,
    );
  }
  if (!first.endsWith("/.default")) {
    throw new EntraFailure(
      1002012,
      `The provided value for scope ${shown(scope)} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    );
  }
  return audienceOf(first);
}
