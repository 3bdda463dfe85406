import { visibleJson } from '../../api/contract/index.ts';
import { Block } from './copy.tsx';
import { LongText } from './text.tsx';

/** A value as JSON, in which everything can be seen. Strings keep their escapes: what is copied is what was there. */
export function Json({ value, what }: { value: unknown; what: string }) {
  const text = visibleJson(value, 2);
  return (
    <Block value={JSON.stringify(value, undefined, 2) ?? 'null'} what={what}>
      <LongText value={text} mono />
    </Block>
  );
}
