import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { CircleUser } from 'lucide-react';
import { useId, useState } from 'react';
import { ask } from '../data/client.ts';
import { meQuery, queryClient } from '../data/queries.ts';
import { applyTheme, type Theme, theme } from '../data/theme.ts';
import { Badge } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

/** Who is signed in, with which roles; how it looks; the way out. */
export function PersonMenu() {
  const id = useId();
  const { data: me } = useQuery(meQuery);
  const navigate = useNavigate();
  if (me === undefined) return null;
  const close = () => document.getElementById(id)?.hidePopover();
  const signOut = async () => {
    await ask('session.close', {}).catch(() => undefined);
    queryClient.clear();
    location.assign('/');
  };
  return (
    <>
      <button
        type="button"
        popoverTarget={id}
        aria-label={`Signed in as ${me.name}`}
        className="inline-flex size-8 items-center justify-center rounded-medium text-soft [anchor-name:--person] hover:bg-hover hover:text-ink"
      >
        <CircleUser className="size-4.5" />
      </button>
      <div
        id={id}
        popover="auto"
        className="m-0 w-64 rounded-large border border-line bg-raised p-1 text-ink shadow-raised [inset:auto] [position-anchor:--person] [right:anchor(right)] [top:calc(anchor(bottom)+6px)]"
      >
        <div className="flex flex-col gap-1.5 border-line border-b px-2.5 pt-2 pb-3">
          <Text value={me.name} className="font-semibold" />
          <div className="flex flex-wrap gap-1">
            {me.roles.map((role) => (
              <Badge key={role}>{role}</Badge>
            ))}
          </div>
        </div>
        <ThemeChoice />
        <MenuItem
          onClick={() => {
            close();
            void navigate({ to: '/authenticator' });
          }}
        >
          {me.authenticator ? 'Authenticator' : 'Enrol an authenticator…'}
        </MenuItem>
        <MenuItem
          onClick={() => {
            close();
            void navigate({ to: '/passkeys' });
          }}
        >
          Passkeys
        </MenuItem>
        {me.roles.some((role) => role === 'admin' || role === 'auditor') && (
          <MenuItem
            onClick={() => {
              close();
              void navigate({ to: '/people' });
            }}
          >
            People
          </MenuItem>
        )}
        <MenuItem onClick={signOut}>Sign out</MenuItem>
      </div>
    </>
  );
}

function MenuItem({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="flex w-full rounded-medium px-2.5 py-1.5 text-left hover:bg-hover"
    >
      {children}
    </button>
  );
}

function ThemeChoice() {
  const [chosen, setChosen] = useState(theme);
  return (
    <fieldset className="m-1.5 flex rounded-medium bg-sunken p-0.5">
      <legend className="sr-only">Appearance</legend>
      {THEMES.map((option) => (
        <label
          key={option}
          className="grow cursor-pointer rounded-small py-1 text-center text-small text-soft capitalize has-checked:bg-raised has-checked:font-medium has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent"
        >
          <input
            type="radio"
            name="theme"
            className="sr-only"
            checked={chosen === option}
            onChange={() => {
              applyTheme(option);
              setChosen(option);
            }}
          />
          {option}
        </label>
      ))}
    </fieldset>
  );
}
