import { visibleJson } from '../../api/contract/index.ts';
import { Block } from './copy.tsx';
import { Folded, Letters } from './text.tsx';

/** A value as JSON, in which everything can be seen: what would not be is there as its escape, and marked. */
export function Json({ value, what }: { value: unknown; what: string }) {
  return (
    <Block value={JSON.stringify(value, undefined, 2) ?? 'null'} what={what}>
      <Folded value={visibleJson(value, 2)}>
        {(shown) => (
          <span dir="ltr" className="whitespace-pre-wrap break-words">
            {shown
              .split(ESCAPES)
              .map((part, at) => ({ part, at }))
              .map(({ part, at }) =>
                at % 2 === 0 ? (
                  <Letters key={at} value={part} />
                ) : (
                  <span
                    key={at}
                    className="rounded-small bg-alert-soft text-alert"
                    title="A character that would not be seen"
                  >
                    {part}
                  </span>
                ),
              )}
          </span>
        )}
      </Folded>
    </Block>
  );
}

const ESCAPES = /((?:\\u[0-9a-f]{4})+)/;
