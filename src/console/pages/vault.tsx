import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { VaultEntry } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { vaultQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Badge, Mark } from '../parts/marks.tsx';
import { Empty, Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { SetEntry } from './vault-set.tsx';

/** Credentials of upstreams: whom each serves and where it may go. What they hold is not here to be seen. */
export function VaultPage() {
  const vault = useQuery(vaultQuery);
  const [setting, setSetting] = useState(false);
  if (vault.isPending) return <Skeleton rows={6} />;
  if (vault.isError) return <Failed error={vault.error} retry={() => void vault.refetch()} />;
  const { entries, problem } = vault.data;
  return (
    <div className="scrolls h-full">
      <div className="mx-auto flex max-w-4xl flex-col gap-4 p-4 sm:p-6">
        <header className="flex items-center justify-between gap-3">
          <h1 className="font-semibold text-large">
            Vault <span className="font-normal text-faint">{entries.length}</span>
          </h1>
          <Button onClick={() => setSetting(true)}>
            <Plus className="size-4" aria-hidden="true" /> Set an entry
          </Button>
        </header>
        {problem !== null && (
          <p role="alert" className="rounded-medium bg-alert-soft px-3 py-2 text-alert">
            <Text value={problem} />
          </p>
        )}
        {entries.length === 0 ? (
          <Empty
            title="The vault is empty"
            command="sallyport vault set github --kind bearer --agent triage --host api.github.com"
          >
            A credential of an upstream, with the agents that it serves. No agent ever sees it.
          </Empty>
        ) : (
          <ul className="divide-y divide-line rounded-large border border-line bg-surface">
            {entries.map((entry) => (
              <Entry key={entry.id} entry={entry} />
            ))}
          </ul>
        )}
        {setting && <SetEntry onClose={() => setSetting(false)} />}
      </div>
    </div>
  );
}

function Entry({ entry }: { entry: VaultEntry }) {
  const [changing, setChanging] = useState<'rotation' | 'removal' | undefined>();
  const close = () => setChanging(undefined);
  const goes = [...entry.hosts, ...entry.programs.map((program) => `children of ${program}`)];
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <span className="flex min-w-48 grow basis-64 flex-col gap-1">
        <span className="flex flex-wrap items-center gap-2 font-medium">
          <Text value={entry.name} />
          <Badge>{entry.kind}</Badge>
          <Expiry expires_at={entry.expires_at} />
        </span>
        <span className="text-soft">
          for <Text value={servedBy(entry)} />
        </span>
        <span className="text-soft">
          to <Text value={goes.join(', ')} />
        </span>
      </span>
      <span className="flex flex-col text-faint text-small">
        <span>
          used {entry.used_at === null ? 'never' : <Ago time={entry.used_at} />}, version {entry.version}
        </span>
        <span>
          {entry.rotated_at === null ? 'set' : 'rotated'} <Ago time={entry.rotated_at ?? entry.set_at} />
        </span>
      </span>
      <span className="flex gap-1">
        {entry.kind !== 'connection' && <Button onClick={() => setChanging('rotation')}>Rotate…</Button>}
        <Button kind="quiet" onClick={() => setChanging('removal')}>
          Remove…
        </Button>
      </span>
      {changing === 'rotation' && <Rotate entry={entry} onClose={close} />}
      {changing === 'removal' && <Remove entry={entry} onClose={close} />}
    </li>
  );
}

function servedBy({ agents, jobs, users }: VaultEntry): string {
  const some = (what: string, words: readonly string[]) =>
    words.includes('*') ? undefined : `${what} ${words.join(', ')}`;
  return [some('agents', agents) ?? 'all agents', some('in', jobs), some('in the name of', users)]
    .filter((words) => words !== undefined)
    .join(' ');
}

function Expiry({ expires_at }: { expires_at: number | null }) {
  if (expires_at === null) return null;
  return expires_at <= Date.now() ? (
    <Mark tone="deny" word="expired" />
  ) : (
    <span className="font-normal text-faint text-small">
      expires <Ago time={expires_at} />
    </span>
  );
}

function Rotate({ entry, onClose }: { entry: VaultEntry; onClose: () => void }) {
  const [secret, setSecret] = useState('');
  const rotate = useAction(async () => {
    await ask('vault.rotate', { params: { name: entry.name }, body: { secret } });
    onClose();
  });
  return (
    <Dialog title={`Rotate ${entry.name}`} onClose={onClose} onSubmit={() => rotate.run(undefined)}>
      <p className="text-soft">
        Another secret under the same terms, from the next call on. Programs that were started with the old one end.
      </p>
      <Field
        label="New secret"
        type="password"
        autoComplete="off"
        required
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
      />
      <Refused error={rotate.error} />
      <Command line={`sallyport vault rotate ${entry.name}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={rotate.busy}>
          Rotate
        </Button>
      </Actions>
    </Dialog>
  );
}

function Remove({ entry, onClose }: { entry: VaultEntry; onClose: () => void }) {
  const remove = useAction(async () => {
    await ask('vault.remove', { params: { name: entry.name } });
    onClose();
  });
  return (
    <Dialog title={`Remove ${entry.name}`} onClose={onClose} onSubmit={() => remove.run(undefined)}>
      <p>Calls that need it are refused from now on. It cannot be brought back.</p>
      <Refused error={remove.error} />
      <Command line={`sallyport vault remove ${entry.name}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={remove.busy}>
          Remove {entry.name}
        </Button>
      </Actions>
    </Dialog>
  );
}
