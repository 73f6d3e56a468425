import { createHash, timingSafeEqual } from "node:crypto";

/**
 * A text that is compared without telling, by the time it takes, how much of a guess was right; nor how long it is, for
 * digests are what is compared. It does not show itself when it is printed.
 */
export class SecretText {
  readonly #digest: Buffer;

  constructor(text: string) {
    this.#digest = createHash("sha256").update(text).digest();
  }

  equals(other: SecretText): boolean {
    return timingSafeEqual(this.#digest, other.#digest);
  }
}
