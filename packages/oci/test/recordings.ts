import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface RecordedRequest {
  readonly method: string;
  /** As sent, escapes kept. */
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  /** Present only on requests that went to blob storage. */
  readonly host?: string;
}

export interface RecordedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: { readonly json?: unknown } | null;
}

export interface RecordedExchange {
  /** The recording's name, with the exchange's number: `blob-upload-small#3`. */
  readonly name: string;
  readonly request: RecordedRequest;
  readonly response: RecordedResponse;
}

/** `shared/recordings`: exchanges of Microsoft's SDKs with the live service; see the README there. */
const FOLDER = process.env.ACRKIT_RECORDINGS ?? new URL("../../../../shared/recordings", import.meta.url).pathname;

export const recordingsPresent = existsSync(FOLDER);

/** Every recorded exchange with the registry itself, in the order of the files; none where the recordings are absent. */
export function recordedExchanges(): readonly RecordedExchange[] {
  if (!recordingsPresent) {
    console.log(`skipped: no recordings in ${FOLDER}; set ACRKIT_RECORDINGS`);
    return [];
  }
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .flatMap((file) => {
      const scenario: { id: string; exchanges: Omit<RecordedExchange, "name">[] } = JSON.parse(
        readFileSync(`${FOLDER}/${file}`, "utf8"),
      );
      return scenario.exchanges.map((exchange, index) => ({ ...exchange, name: `${scenario.id}#${index}` }));
    })
    .filter(({ request }) => request.host === undefined);
}

/** The values of a header, which may have been sent several times. */
export function headerValues(response: RecordedResponse, name: string): readonly string[] {
  return [response.headers[name] ?? []].flat();
}
