import { compactVerify, decodeJwt, errors } from "jose";
import type { Entra, ProofOfIdentity } from "../auth/entra.ts";
import type { Application } from "../auth/entra-directory.ts";
import { EntraFailure } from "./entra-failure.ts";

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Assertions live for minutes; a clock that lags is forgiven as much. */
const CLOCK_SKEW_SECONDS = 300;

/** Longer ones are not looked at. */
const MAX_ASSERTION_CHARACTERS = 65_536;

/** What an assertion is checked against, besides the application. */
export interface AssertionContext {
  readonly nowSeconds: number;
  /** How the token endpoint may be called in the assertion's `aud`. */
  readonly audiences: readonly string[];
}

/** Who asks for a token, and how that was proven: by a secret, or by an assertion. @throws {EntraFailure} */
export async function authenticateClient(
  entra: Entra,
  form: URLSearchParams,
  context: AssertionContext,
): Promise<{ readonly application: Application; readonly proof: ProofOfIdentity }> {
  const clientId = required(form, "client_id");
  const application = entra.directory.application(clientId);
  if (application === undefined) {
    throw new EntraFailure(
      700016,
      `Application with identifier '${shown(clientId)}' was not found in the directory '${entra.directory.tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    );
  }
  const assertion = form.get("client_assertion") ?? "";
  if (assertion !== "" && form.get("client_assertion_type") === ASSERTION_TYPE) {
    await checkAssertion(entra, application, assertion, context);
    return { application, proof: "assertion" };
  }
  checkSecret(entra, application, form.get("client_secret") ?? "");
  return { application, proof: "secret" };
}

function checkSecret(entra: Entra, { clientId }: Application, secret: string): void {
  if (secret === "") {
    throw new EntraFailure(
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  }
  const found = entra.directory.checkSecret(clientId, secret);
  if (found === "expired") {
    throw new EntraFailure(
      7000222,
      `The provided client secret keys for app '${clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    );
  }
  if (typeof found === "string") {
    throw new EntraFailure(
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    );
  }
}

/** The application's own certificate signed it, or the issuer of federated tokens did. */
async function checkAssertion(
  entra: Entra,
  application: Application,
  assertion: string,
  context: AssertionContext,
): Promise<void> {
  const claims = unverified(assertion);
  if (claims.iss === application.clientId) return checkOwnAssertion(application, assertion, context);
  const federated = await entra.readFederatedToken(assertion);
  if (federated === "out of date") throw outOfDate();
  if (federated === "forged") throw mismatch(700211, "issuer", claims.iss);
  if (federated === "other audience") throw mismatch(700212, "audience", claims.aud);
  if (federated.sub !== application.federatedSubject) throw mismatch(700213, "subject", federated.sub);
}

async function checkOwnAssertion(
  { certificate, clientId }: Application,
  assertion: string,
  { nowSeconds, audiences }: AssertionContext,
): Promise<void> {
  const invalid = new EntraFailure(
    700027,
    "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]",
  );
  if (certificate === undefined) throw invalid;
  const claims = await compactVerify(assertion, certificate, { algorithms: ["RS256", "PS256"] }).then(
    () => decodeJwt(assertion),
    (error: unknown) => {
      // A key of another kind than the algorithms are for is as wrong as another key.
      if (error instanceof errors.JOSEError || error instanceof TypeError) throw invalid;
      throw error;
    },
  );
  const { aud, sub, exp, nbf } = claims;
  if (sub !== clientId || typeof aud !== "string" || !audiences.includes(aud)) throw invalid;
  const isOver = typeof exp !== "number" || exp + CLOCK_SKEW_SECONDS <= nowSeconds;
  if (isOver || (nbf ?? 0) - CLOCK_SKEW_SECONDS > nowSeconds) throw outOfDate();
}

function unverified(assertion: string): Readonly<Record<string, unknown>> {
  try {
    if (assertion.length <= MAX_ASSERTION_CHARACTERS) return decodeJwt(assertion);
  } catch {
    // Told below, as for one that is too long.
  }
  throw new EntraFailure(50027, "JWT token is invalid or malformed.");
}

function outOfDate(): EntraFailure {
  return new EntraFailure(700024, "Client assertion is not within its valid time range.");
}

function mismatch(code: 700211 | 700212 | 700213, what: string, value: unknown): EntraFailure {
  return new EntraFailure(
    code,
    `No matching federated identity record found for presented assertion ${what} '${shown(String(value))}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation`,
  );
}

/** @throws {EntraFailure} the parameter is missing */
export function required(form: URLSearchParams, name: string): string {
  const value = form.get(name) ?? "";
  if (value !== "") return value;
  throw new EntraFailure(900144, `The request body must contain the following parameter: '${name}'.`);
}

/** What a client sent, short enough and harmless enough to be shown to it again. */
export function shown(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, "?");
}
