import { BoundedMap, MAX_KEPT } from "../auth/bounded-map.ts";
import { SingleFlight } from "../auth/single-flight.ts";
import type { StoredCredential } from "./auth-entry.ts";

/** A login in another window counts after this time at the latest; as long as the client keeps an answer untried. */
const KEPT_MS = 5 * 60_000;

interface Answer {
  readonly credential: StoredCredential;
  readonly untilMs: number;
  /** Who has got it: whoever asks again has had no luck with it. */
  readonly askers: BoundedMap<string, true>;
}

/**
 * The answers of helpers, which are for a whole registry, while the client asks for each of its repositories: a helper is run
 * once for all of them, and again for one that asks again. That it has nothing is not remembered.
 */
export class HelperAnswers {
  readonly #now: () => number;
  readonly #answers = new BoundedMap<string, Answer>(MAX_KEPT);
  readonly #flights = new SingleFlight<Answer | undefined>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async get(
    key: string,
    asker: string,
    abortSignal: AbortSignal | undefined,
    ask: (abortSignal: AbortSignal) => Promise<StoredCredential | undefined>,
  ): Promise<StoredCredential | undefined> {
    const known = this.#answers.get(key);
    const isGood = known !== undefined && known.untilMs > this.#now() && known.askers.get(asker) === undefined;
    const answer = isGood ? known : await this.#flights.run(key, abortSignal, (signal) => this.#ask(key, ask, signal));
    answer?.askers.set(asker, true);
    return answer?.credential;
  }

  async #ask(
    key: string,
    ask: (abortSignal: AbortSignal) => Promise<StoredCredential | undefined>,
    abortSignal: AbortSignal,
  ): Promise<Answer | undefined> {
    const credential = await ask(abortSignal);
    if (credential === undefined) return undefined;
    const answer = { credential, untilMs: this.#now() + KEPT_MS, askers: new BoundedMap<string, true>(MAX_KEPT) };
    this.#answers.set(key, answer);
    return answer;
  }
}
