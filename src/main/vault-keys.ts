import type { Config } from '../config/index.ts';
import type { VaultKeySource } from '../controls/identity/index.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { Secret } from '../core/secret.ts';
import type { Egress } from '../enforcement/index.ts';

const KEY_BYTES = 32;
const COMMAND_MS_MAX = 10_000;
const OUTPUT_BYTES_MAX = 4_096;

type Parts = { vault: Config['vault']; own: Secret<Uint8Array>; egress: Pick<Egress, 'launch'>; clock: Clock };

/** The key-encryption key as the configuration has it. The data folder's own comes before whatever took its place. */
export function vaultKeySource({ vault, own, egress, clock }: Parts): VaultKeySource {
  const { key, command, env, previous } = vault;
  const configured = key !== undefined || command !== undefined;
  return {
    current: async () => {
      if (key !== undefined) return readKey(key.reveal(), 'vault.key');
      return command === undefined ? own : askCommand({ command, env }, egress, clock);
    },
    previous: () => {
      const read = previous.map((text) => readKey(text.reveal(), 'vault.previous'));
      return [...read.filter((one) => one instanceof Secret), ...(configured ? [own] : [])];
    },
  };
}

type Problem = { kind: 'problem'; problem: string };

/** Base64, base64url or hex. A key that is short would be guessed; one of another length is something else. */
function readKey(text: string, what: string): Secret<Uint8Array> | Problem {
  const bytes = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES
    ? new Secret(new Uint8Array(bytes))
    : { kind: 'problem', problem: `${what} is not ${KEY_BYTES} bytes in base64 or hex` };
}

/** Neither what it printed nor its last words are in the problem: either may have the key in it. */
async function askCommand(
  { command, env }: Pick<Config['vault'], 'env'> & { command: readonly string[] },
  egress: Pick<Egress, 'launch'>,
  clock: Clock,
): Promise<Secret<Uint8Array> | Problem> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const child = egress.launch({
    command,
    env,
    output: {
      data: (part) => {
        bytes += part.length;
        if (bytes <= OUTPUT_BYTES_MAX) parts.push(part);
        else child.kill();
      },
      ended: () => {},
    },
  });
  const end = await Promise.race([child.ended, sleep(clock, COMMAND_MS_MAX)]);
  child.kill();
  if (end === undefined) return failed(`it took more than ${COMMAND_MS_MAX} ms`);
  if (bytes > OUTPUT_BYTES_MAX) return failed(`it printed more than ${OUTPUT_BYTES_MAX} bytes`);
  if (!end.started) return failed('it could not be started');
  if (end.reason !== 'exited with 0') return failed(`it ${end.reason}`);
  return readKey(Buffer.concat(parts).toString('utf8').trim(), 'what the command of vault.command printed');
}

function failed(why: string): Problem {
  return { kind: 'problem', problem: `vault.command gave no key: ${why}` };
}
