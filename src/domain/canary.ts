/** What the schedule starts a canary with. No address of the watch outside: that is a secret of the pages worker. */
export interface CanaryPlan {
  /** The person of the config who is paged. */
  to: string;
}

export interface CanaryResult {
  outcome: 'delivered' | 'page failed' | 'ping failed';
  because?: string;
}
