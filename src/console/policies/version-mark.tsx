import type { PolicyVersion } from '../../api/contract/index.ts';
import { Mark } from '../parts/marks.tsx';

const WORDS = {
  active: ['permit', 'in force'],
  canary: ['hold', 'canary'],
  proposed: ['hold', 'waits'],
  past: ['calm', 'past'],
} as const;

export function VersionMark({ state }: { state: PolicyVersion['state'] }) {
  const [tone, word] = WORDS[state];
  return <Mark tone={tone} word={word} />;
}
