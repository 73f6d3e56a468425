import { ClientAuthenticationError, ContainerRegistryClient, RegistryError } from "@acrkit/client";
import { formatScopes, isCovered, matchOperation, operationScopes, parseScopes } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import {
  type Exchange,
  jsonOf,
  loadRecordings,
  RECORDED_HOST,
  type Recording,
  recordingsFolder,
} from "../recordings/recording.ts";
import { callFor, type ReplayedCall } from "./calls.ts";
import { DEVIATIONS } from "./deviations.ts";
import { isChallenge, RecordedTransport } from "./recorded-transport.ts";

const folder = recordingsFolder();
const recordings = loadRecordings(folder);
if (recordings === undefined) {
  console.log(
    `SKIPPED: recorded answers replayed into the client: there is no folder ${folder} (set ACRKIT_RECORDINGS)`,
  );
}

describe.skipIf(recordings === undefined)("the client, answered by recordings of the live service", () => {
  for (const recording of recordings ?? []) {
    it(`${recording.id}: ${recording.title}`, () => replay(recording));
  }

  it("names only deviations that exist", () => {
    for (const { recording, exchange } of DEVIATIONS) {
      const found = recordings?.find(({ id }) => id === recording)?.exchanges[exchange - 1];
      expect(found, `${recording} ${exchange}`).toBeDefined();
    }
  });
});

async function replay(recording: Recording): Promise<void> {
  const transport = new RecordedTransport(recording);
  const client = clientFor(recording, transport);
  let compared = 0;
  for (const [index, exchange] of recording.exchanges.entries()) {
    if (isPassedOver(exchange) || transport.wasServed(exchange)) continue;
    const call = callFor(exchange, { rest: recording.exchanges.slice(index + 1) });
    if (DEVIATIONS.some((entry) => entry.recording === recording.id && entry.exchange === index + 1)) {
      await expectDeviation(recording, call, exchange);
      compared++;
      continue;
    }
    if (call === undefined) throw new Error(`nothing replays ${exchange.request.method} ${exchange.request.path}`);
    await compare(client, call, exchange);
    expect(transport.unexpected).toEqual([]);
    expect(transport.wasServed(exchange), `${call.operation} sent the recorded request`).toBe(true);
    compared++;
  }
  expectScopes(recording, transport);
  // Recordings of token requests alone have their entry among the deviations.
  compared += DEVIATIONS.filter((entry) => entry.recording === recording.id).length;
  expect(compared, "exchanges compared").toBeGreaterThan(0);
}

/** An excuse holds only as long as the client does not replay the exchange after all. */
async function expectDeviation(
  recording: Recording,
  call: ReplayedCall | undefined,
  exchange: Exchange,
): Promise<void> {
  if (call === undefined) return;
  const transport = new RecordedTransport(recording);
  const replayed = await compare(clientFor(recording, transport), call, exchange).then(
    () => transport.wasServed(exchange),
    () => false,
  );
  expect(replayed, "an excused exchange was replayed: take it off the list").toBe(false);
}

function clientFor(recording: Recording, transport: RecordedTransport): ContainerRegistryClient {
  const anonymous = recording.exchanges.some(({ request }) => {
    const form = request.body !== null && "form" in request.body ? request.body.form : [];
    return form.some(([name, value]) => name === "grant_type" && value === "password");
  });
  const options = { httpClient: transport, retryOptions: { maxRetries: 0 } };
  const endpoint = `https://${RECORDED_HOST}`;
  if (anonymous) return new ContainerRegistryClient(endpoint, options);
  const credential = { getToken: async () => ({ token: "entra", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) };
  return new ContainerRegistryClient(endpoint, credential, options);
}

/** Token requests and answers of the blob store come of themselves; a first try without a token this client never makes. */
function isPassedOver(exchange: Exchange): boolean {
  return exchange.request.path.startsWith("/oauth2/") || exchange.request.host !== undefined || isChallenge(exchange);
}

async function compare(
  client: ContainerRegistryClient,
  call: ReplayedCall,
  { request, response }: Exchange,
): Promise<void> {
  const outcome = await call.run(client).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const absent = request.method === "DELETE" && response.status === 404;
  if (response.status < 400 || absent) {
    if ("error" in outcome) throw outcome.error;
    if (!absent) call.check(outcome.value);
    return;
  }
  const [first] = (jsonOf(response.body) as { errors: { code: string; message: string }[] }).errors;
  const error = "error" in outcome ? outcome.error : undefined;
  expect(error).toBeInstanceOf(response.status === 401 ? ClientAuthenticationError : RegistryError);
  expect(error).toMatchObject({
    statusCode: response.status,
    code: first?.code,
    message: expect.stringContaining(first?.message as string),
  });
}

/** Whatever the recorded SDK was challenged to ask for, this client has asked for, or for more, without a challenge. */
function expectScopes(recording: Recording, transport: RecordedTransport): void {
  const asked = transport.tokenForms.flatMap((form) => form.getAll("scope")).map(parseScopes);
  for (const exchange of recording.exchanges) {
    if (
      !transport.wasServed(exchange) ||
      exchange.request.host !== undefined ||
      exchange.request.path.startsWith("/oauth2/")
    )
      continue;
    const match = matchOperation(exchange.request.method, exchange.request.path);
    if (match === undefined || !("operation" in match)) continue;
    const wanted = operationScopes(match.operation.name, match.parameters.name);
    const isAsked = asked.some((scopes) => wanted.every((scope) => isCovered(scope, scopes)));
    expect(isAsked, `${formatScopes(wanted)} of ${asked.map(formatScopes).join("; ")}`).toBe(true);
  }
}
