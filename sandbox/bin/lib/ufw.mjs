/** Rules of ufw as the sandbox keeps them: `{active, v4: [{action, from, ports, proto}], v6}`, in their order; the first match counts. */
export const familyOf = (address) => (address.includes(':') ? 'v6' : 'v4');

/** Whether a client of this address gets to the web ports. ufw denies what no rule lets in. */
export function letsIn(state, address) {
  if (!state.active) return true;
  const rule = state[familyOf(address)].find(({ from, ports }) => (from === 'Anywhere' || from === address) && ports.split(',').some((port) => port === '80' || port === '443'));
  return rule?.action === 'ALLOW';
}
