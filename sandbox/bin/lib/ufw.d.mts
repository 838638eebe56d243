export interface UfwRule {
  action: string;
  from: string;
  ports: string;
  proto: string;
}

export interface UfwState {
  active: boolean;
  v4: UfwRule[];
  v6: UfwRule[];
}

/** Whether a client of this address gets to the web ports. */
export function letsIn(state: UfwState, address: string): boolean;
