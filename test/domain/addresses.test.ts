import { describe, expect, it } from 'vitest';
import { blockable, isIn, sameAddress } from '../../src/domain/addresses.js';

const untouchable = {
  allow: ['198.51.100.0/24', '2001:db8:aaaa::/48'],
  trustedProxies: ['192.0.2.7'],
  own: ['203.0.113.250', '2001:db8::250'],
};

describe('an address of a log', () => {
  it.each([
    ['203.0.113.5', '203.0.113.5', 4],
    ['45.9.20.1', '45.9.20.1', 4],
    ['2001:db8:0:0::5', '2001:db8::5', 6],
    ['2001:DB8::AB', '2001:db8::ab', 6],
  ])('may be blocked if it is one public address: %s', (text, address, family) => {
    expect(blockable(text, untouchable)).toEqual({ address, family });
  });

  it.each([
    ['evil.example.com', 'not a single IP address'],
    ['203.0.113.0/24', 'not a single IP address'],
    ['203.0.113.5 any', 'not a single IP address'],
    ['203.0.113.5\n', 'not a single IP address'],
    ['203.0.113.5;reboot', 'not a single IP address'],
    ['--force', 'not a single IP address'],
    ['1', 'not a single IP address'],
    ['0x7f.1', 'not a single IP address'],
    ['0127.0.0.1', 'not a single IP address'],
    ['fe80::1%eth0', 'not a single IP address'],
    ['', 'not a single IP address'],
    ['0.0.0.0', 'not a public address (unspecified)'],
    ['255.255.255.255', 'not a public address (broadcast)'],
    ['224.0.0.1', 'not a public address (multicast)'],
    ['::', 'not a public address (unspecified)'],
    ['::1', 'not a public address (loopback)'],
    ['127.0.0.1', 'not a public address (loopback)'],
    ['10.1.2.3', 'not a public address (private)'],
    ['192.168.1.100', 'not a public address (private)'],
    ['172.16.0.1', 'not a public address (private)'],
    ['100.64.0.1', 'not a public address (carrierGradeNat)'],
    ['169.254.169.254', 'not a public address (linkLocal)'],
    ['fe80::1', 'not a public address (linkLocal)'],
    ['fd00::1', 'not a public address (uniqueLocal)'],
    ['::ffff:203.0.113.5', 'an IPv4 address written as IPv6'],
    ['::ffff:cb00:7105', 'an IPv4 address written as IPv6'],
    ['198.51.100.9', 'on the allow-list'],
    ['2001:db8:aaaa::1', 'on the allow-list'],
    ['192.0.2.7', 'a trusted proxy'],
    ['203.0.113.250', 'an address of our own'],
    ['2001:db8::250', 'an address of our own'],
  ])('is never blocked if it is %j', (text, never) => {
    expect(blockable(text, untouchable)).toEqual({ never });
  });

  it('is never blocked while nobody has said whom to spare', () => {
    expect(blockable('203.0.113.5', { ...untouchable, allow: [] })).toEqual({ never: 'the allow-list is empty' });
  });

  it.each([
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['2001:0DB8::0005', '2001:db8::5'],
    ['203.0.113.5', '203.0.113.5'],
    ['nobody', undefined],
  ])('%s counts as %s', (text, same) => {
    expect(sameAddress(text)).toBe(same);
  });

  it('is in a network that was listed as IPv6', () => {
    expect(isIn(['::ffff:203.0.113.0/120'], '203.0.113.5')).toBe(true);
    expect(isIn(['203.0.114.0/24'], '203.0.113.5')).toBe(false);
    expect(isIn(['203.0.113.0/24'], 'x')).toBe(false);
  });
});
