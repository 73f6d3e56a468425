/** How long a connection may keep the server waiting. */
export interface Timeouts {
  /** From the first byte of a request's head to its last. */
  readonly headMs: number;
  /**
   * Between two signs of life while a body is being sent or an answer being read. Not for the whole of it: a large upload
   * takes as long as it takes. What the registry itself takes for an answer does not count either.
   */
  readonly idleMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  /** How often heads are looked at. */
  readonly checkMs: number;
}

/** nginx's defaults, the service's front end being one: `client_header_timeout`, `client_body_timeout`, `send_timeout`. */
export const TIMEOUTS: Timeouts = {
  headMs: 60_000,
  idleMs: 60_000,
  // Longer than clients keep idle connections, so that it is not the server who closes one just when it is used again.
  keepAliveMs: 72_000,
  checkMs: 10_000,
};
