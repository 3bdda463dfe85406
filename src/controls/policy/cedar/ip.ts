import { Failure } from './results.ts';

/** An address with the length of its prefix: `10.0.0.0/8`, or one address where the prefix is as long as it. */
export class IpAddress {
  readonly version: 4 | 6;
  readonly address: bigint;
  readonly prefix: number;
  constructor(version: 4 | 6, address: bigint, prefix: number) {
    this.version = version;
    this.address = address;
    this.prefix = prefix;
  }
  get bits(): 32 | 128 {
    return this.version === 4 ? 32 : 128;
  }
}

const LENGTH_MAX = 43;
const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const PREFIX = /^(?:0|[1-9][0-9]*)$/;

/** As Cedar and Rust read them: no leading zeros, no IPv4 inside IPv6, no zone. */
export function parseIp(text: string): IpAddress | Failure {
  return (text.length <= LENGTH_MAX ? read(text) : undefined) ?? new Failure(`invalid IP address: ${text}`);
}

function read(text: string): IpAddress | undefined {
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const version = host.includes(':') ? 6 : 4;
  const address = version === 6 ? readSix(host) : readFour(host);
  const bits = version === 6 ? 128 : 32;
  const prefix = slash < 0 ? bits : readPrefix(text.slice(slash + 1), bits);
  return address === undefined || prefix === undefined ? undefined : new IpAddress(version, address, prefix);
}

function readPrefix(text: string, bits: number): number | undefined {
  return PREFIX.test(text) && Number(text) <= bits ? Number(text) : undefined;
}

function readFour(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0n;
  for (const part of parts) {
    if (!OCTET.test(part) || Number(part) > 255) return undefined;
    address = (address << 8n) | BigInt(part);
  }
  return address;
}

function readSix(text: string): bigint | undefined {
  const gap = text.indexOf('::');
  if (gap < 0) return join(groups(text), 8);
  const head = groups(text.slice(0, gap));
  const tail = groups(text.slice(gap + 2));
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? undefined : join([...head, ...new Array<string>(missing).fill('0'), ...tail], 8);
}

function groups(text: string): string[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  return parts.every((part) => GROUP.test(part)) ? parts : undefined;
}

function join(parts: readonly string[] | undefined, count: number): bigint | undefined {
  if (parts?.length !== count) return undefined;
  return parts.reduce((address, part) => (address << 16n) | BigInt(`0x${part}`), 0n);
}

export function isInRange(inner: IpAddress, outer: IpAddress): boolean {
  if (inner.version !== outer.version || inner.prefix < outer.prefix) return false;
  const shift = BigInt(outer.bits - outer.prefix);
  return inner.address >> shift === outer.address >> shift;
}

const LOOPBACK = { 4: new IpAddress(4, 0x7f000000n, 8), 6: new IpAddress(6, 1n, 128) };
const MULTICAST = { 4: new IpAddress(4, 0xe0000000n, 4), 6: new IpAddress(6, 0xff00n << 112n, 8) };

export const isLoopback = (value: IpAddress): boolean => isInRange(value, LOOPBACK[value.version]);
export const isMulticast = (value: IpAddress): boolean => isInRange(value, MULTICAST[value.version]);

export function formatIp(value: IpAddress): string {
  const width = value.version === 4 ? 8n : 16n;
  const count = value.version === 4 ? 4 : 8;
  const parts: string[] = [];
  for (let at = count - 1; at >= 0; at -= 1) {
    const part = (value.address >> (BigInt(at) * width)) & ((1n << width) - 1n);
    parts.push(part.toString(value.version === 4 ? 10 : 16));
  }
  return `${parts.join(value.version === 4 ? '.' : ':')}/${value.prefix}`;
}
