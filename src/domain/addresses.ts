import ipaddr from 'ipaddr.js';

/** Whom a block may never meet. Networks and addresses as text. */
export interface Untouchable {
  allow: readonly string[];
  trustedProxies: readonly string[];
  /** Addresses of this host, of the responder, and of what they need. */
  own: readonly string[];
}

/** An address that may be blocked, in its one usual form; or why it never may. */
export type Blockable = { address: string; family: 4 | 6 } | { never: string };

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

const usualIpv4 = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

/** Documentation's networks: nobody is there, so drills can use them. */
const examples = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'];

/**
 * Whether an address from a log may be blocked. Only one single, public address may: no name, network, IPv4 in IPv6's clothes,
 * private, loopback or link-local address, and nobody on the lists. With an empty allow-list nothing may: somebody forgot it.
 */
export function blockable(text: string, { allow, trustedProxies, own }: Untouchable): Blockable {
  if (allow.length === 0) return { never: 'the allow-list is empty' };
  const address = exactAddress(text);
  if (address === undefined) return { never: 'not a single IP address' };
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) return { never: 'an IPv4 address written as IPv6' };
  const lists: [readonly string[], string][] = [
    [own, 'an address of our own'],
    [trustedProxies, 'a trusted proxy'],
    [allow, 'on the allow-list'],
  ];
  for (const [networks, why] of lists) if (networks.some((network) => contains(network, address))) return { never: why };
  const range = address.range();
  const isExample = examples.some((network) => contains(network, address));
  if (range !== 'unicast' && !isExample) return { never: `not a public address (${range})` };
  return { address: address.toString(), family: address.kind() === 'ipv6' ? 6 : 4 };
}

/** True if an address is in one of the networks; false for what is no address. */
export function isIn(networks: readonly string[], text: string): boolean {
  const address = exactAddress(text);
  return address !== undefined && networks.some((network) => contains(network, address));
}

/** An address in its one usual form, an IPv4 address in IPv6's clothes as IPv4: for counting. Undefined for anything else. */
export function sameAddress(text: string): string | undefined {
  // Most are written so already, and logs have millions.
  if (usualIpv4.test(text)) return text;
  const address = exactAddress(text);
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address?.toString();
}

/** ipaddr.js also reads `1`, `0x7f.1` and `fe80::1%eth0`, which are no addresses that a log of ours names. */
function exactAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (text.length <= 45 && /^[0-9a-f:.]+$/i.test(text) && text.includes(':') && ipaddr.IPv6.isValid(text)) return ipaddr.IPv6.parse(text);
  return undefined;
}

function contains(network: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const [base, bits] = networkOf(network);
  if (base.kind() === address.kind()) return address.match([base, bits] as [ipaddr.IPv4, number]);
  // Somebody may have listed ::ffff:192.0.2.0/120.
  return base instanceof ipaddr.IPv6 && base.isIPv4MappedAddress() && bits >= 96 && address instanceof ipaddr.IPv4 && address.match([base.toIPv4Address(), bits - 96]);
}

function networkOf(text: string): Network {
  return text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), ipaddr.parse(text).kind() === 'ipv6' ? 128 : 32];
}
