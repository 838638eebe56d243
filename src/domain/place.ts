/**
 * Where an incident is: names from our own inventory, never text from an alert. Activities look up paths, users and
 * connections by these names on their side, so that none of them travels through history.
 */
export interface Place {
  /** The fingerprint's target, readable: `app-1:/var/www`. */
  name: string;
  environment: string;
  /** The host whose worker acts for this incident. */
  host: string;
  /** All application hosts of the environment, for acts that go to each of them. */
  hosts: string[];
  mount?: string;
  database?: string;
  webhook?: string;
  queue?: string;
  store?: string;
  domain?: string;
}
