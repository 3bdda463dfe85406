import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { openEgress } from '../enforcement/index.ts';
import { systemClock, systemRandom } from './clock.ts';
import { openControls } from './controls.ts';
import { Faults } from './faults.ts';
import { openKeys } from './keys.ts';
import { witnessPost } from './witness.ts';

/**
 * The way on after a restore or a failover, for a gateway that is stopped: opens a new origin that names the old
 * checkpoint, so that the cut is visible for ever.
 */
export async function forkLog(config: Config, by: string): Promise<{ origin: string; receipt: string }> {
  await using stack = new AsyncDisposableStack();
  const egress = openEgress({ clock: systemClock, environment: {} });
  stack.defer(() => egress.close());
  const keys = openKeys(join(config.data, 'keys'), systemRandom);
  const parts = {
    clock: systemClock,
    random: systemRandom,
    build: 'fork',
    keys,
    faults: new Faults(systemClock),
    witness: witnessPost(egress),
    egress,
    report: () => undefined,
    addresses: { console_url: config.listen.console_url },
  };
  const { ledger } = await openControls(() => config, parts, stack);
  const forked = await ledger.fork(by);
  await ledger.drain();
  return forked;
}
