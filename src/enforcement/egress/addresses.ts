import { BlockList, isIP } from 'node:net';

/**
 * Which addresses belong to the public internet, by IANA's special-purpose registries (RFC 6890 and later). IPv4 names what
 * is not public. IPv6 names what is: global unicast, 2000::/3, less the parts of it with another meaning; so mapped
 * (::ffff:0:0/96), link-local, unique local, NAT64 and whatever is assigned later are not public without being listed.
 */
const V4_SPECIAL: readonly [string, number][] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, and the clouds' metadata services
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays, withdrawn
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];

const V6_SPECIAL: readonly [string, number][] = [
  ['2001::', 23], // protocol assignments: Teredo carries an IPv4 address of the sender's choice
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, carries an IPv4 address of the sender's choice
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
];

const special = new BlockList();
for (const [network, prefix] of V4_SPECIAL) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of V6_SPECIAL) special.addSubnet(network, prefix, 'ipv6');

const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** False for whatever is not an address in its plain form, too: a zone (`fe80::1%eth0`) is not public. */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) return false;
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4');
    case 6:
      return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
    default:
      return false;
  }
}
