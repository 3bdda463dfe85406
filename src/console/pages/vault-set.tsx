import { useState } from 'react';
import { VAULT_KINDS } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field, Select } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

type Kind = (typeof VAULT_KINDS)[number];

const SECRETS: Record<Kind, string> = {
  api_key: 'The key.',
  basic: 'USER:PASSWORD',
  bearer: 'The token.',
  oauth_refresh: 'The refresh token, or {"refresh_token":…,"client_secret":…}.',
  database_password: 'The password.',
  header_set: '{"Field":"value", …}',
};

const EMPTY = {
  name: '',
  kind: 'bearer' as Kind,
  agents: '',
  jobs: '*',
  users: '*',
  hosts: '',
  programs: '',
  endpoint: '',
  client: '',
};
type Form = typeof EMPTY;

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

/** The secret stands apart from the rest: it goes into one request, and is forgotten with the dialog. */
export function SetEntry({ onClose }: { onClose: () => void }) {
  const [form, setForm] = useState<Form>(EMPTY);
  const [secret, setSecret] = useState('');
  const set = useAction(async () => {
    await ask('vault.set', { body: { ...bodyOf(form), secret } });
    onClose();
  });
  const change = (part: Partial<Form>) => setForm({ ...form, ...part });
  const text = (key: Exclude<keyof Form, 'kind'>, label: string, hint?: string, required = false) => (
    <Field
      label={label}
      hint={hint}
      required={required}
      autoComplete="off"
      value={form[key]}
      onChange={(event) => change({ [key]: event.target.value })}
    />
  );
  return (
    <Dialog title="Set an entry" onClose={onClose} onSubmit={() => set.run(undefined)} wide>
      {text('name', 'Name', 'As credential: { vault: NAME } has it.', true)}
      <Select label="Kind" value={form.kind} onChange={(event) => change({ kind: event.target.value as Kind })}>
        {VAULT_KINDS.map((kind) => (
          <option key={kind}>{kind}</option>
        ))}
      </Select>
      <Field
        label="Secret"
        hint={`${SECRETS[form.kind]} It is never shown again.`}
        type="password"
        autoComplete="off"
        required
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
      />
      {text('agents', 'Agents', 'Whom it serves; * for all.', true)}
      {text('jobs', 'Jobs')}
      {text('users', 'Users')}
      {text('hosts', 'Hosts', 'Where it may be sent: HOST or HOST:PORT of the upstream.')}
      {text('programs', 'Programs', 'Upstreams that are programs, whose children get it.')}
      {form.kind === 'oauth_refresh' && text('endpoint', 'Token endpoint', undefined, true)}
      {form.kind === 'oauth_refresh' && text('client', 'Client id', undefined, true)}
      <Refused error={set.error} />
      <Command line={`sallyport vault set ${form.name || 'NAME'} --kind ${form.kind}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={set.busy}>
          Set
        </Button>
      </Actions>
    </Dialog>
  );
}

function bodyOf({ name, kind, agents, jobs, users, hosts, programs, endpoint, client }: Form) {
  const oauth = kind === 'oauth_refresh' ? { oauth: { token_endpoint: endpoint, client_id: client, scope: null } } : {};
  return {
    name,
    kind,
    agents: wordsOf(agents),
    jobs: wordsOf(jobs),
    users: wordsOf(users),
    hosts: wordsOf(hosts),
    programs: wordsOf(programs),
    ...oauth,
  };
}
