import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress } from '../../src/enforcement/egress/addresses.ts';

const PRIVATE = `
  0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1
  172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
  224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:7f00:1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1
  100::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::1 2001::1 2001:0:7f00:1:: 2001:db8::1 2001:20::1 2002:7f00:1::
  2002:a00:1::1 3fff::1 4000::1 5f00::1 e000::1 fe80::1%eth0 2606:4700::1%eth0
`;

const PUBLIC = `
  1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.3.1 223.255.255.255
  2606:4700:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2400:cb00::1
`;

test('special addresses are not public', () => {
  for (const address of words(PRIVATE)) assert.equal(isPublicAddress(address), false, address);
});

test('what is not an address is not public', () => {
  for (const text of ['', 'localhost', '1.2.3', '0x7f.1', '2130706433', '127.1', '1.1.1.1 ', '[::1]', '1.1.1.1\0']) {
    assert.equal(isPublicAddress(text), false, text);
  }
});

test('addresses of the internet are public', () => {
  for (const address of words(PUBLIC)) assert.equal(isPublicAddress(address), true, address);
});

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
