import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { Asking, Plan } from './asking.ts';
import { answered, result } from './asking.ts';
import { readEventId } from './event-log.ts';
import { LIST_NAMES, LIST_NOTICES, type View, watchLists } from './lists.ts';
import type { Message } from './message.ts';
import { isRpcId } from './message.ts';
import { sayOn } from './notices.ts';
import type { Reply } from './reply.ts';
import type { Session } from './sessions.ts';
import { endOfListening } from './signals.ts';

/**
 * What an agent sends beside requests. It proves who sends it as every request does, and is recorded like one: an
 * exchange that asks for nothing new, since it belongs to one that was decided (docs/decisions/0012).
 */
type Beside = Pick<Asking, 'server' | 'method'> & { session: Session | undefined };

export function notification(from: Beside, message: Message & { kind: 'notification' }): Plan {
  return besides(from, () => {
    const id = message.params['requestId'];
    if (message.method === 'notifications/cancelled' && isRpcId(id)) from.session?.cancel(id);
    return undefined;
  });
}

/** The agent's answer to a question of a server's. Only the session that was asked can give it, and only once. */
export function response(from: Beside, message: Message & { kind: 'response' }): Plan | Refusal {
  const { session } = from;
  if (session === undefined) return refuse('request_malformed', 'an answer to nothing that was asked');
  return besides(from, () => {
    if (!session.answer(message.id, message.outcome)) {
      return refuse('request_malformed', 'an answer to nothing that was asked, or a second one');
    }
    return undefined;
  });
}

/** GET: the session's own stream, or the rest of one that broke off. */
export function openStream(
  from: Beside & { session: Session },
  reply: Reply,
  view: View,
  last_event: string | undefined,
): Plan | Refusal {
  if (!reply.accepts.stream) return refuse('request_malformed', 'Accept does not name text/event-stream');
  if (last_event !== undefined) return resumed(from, reply, last_event);
  const { session } = from;
  return answered(from, async (io) => {
    await reply.open();
    const say = sayOn(io, undefined);
    const stopListening = session.listen(({ method, params }) => void say(method, params));
    const stopChanges = watchLists(view, LIST_NAMES, io, (name) => void say(LIST_NOTICES[name], {}));
    await endOfListening(view.parts, io.cancellation, session.closed);
    stopListening();
    stopChanges();
    return result({});
  });
}

function resumed(from: Beside & { session: Session }, reply: Reply, last_event: string): Plan | Refusal {
  const place = readEventId(last_event);
  const log = place && from.session.findStream(place.name);
  if (place === undefined || log === undefined)
    return refuse('session_unknown', 'Last-Event-ID names no stream that is kept');
  return besides(from, async () => {
    await reply.resume(log, place.n);
    return undefined;
  });
}

/** DELETE: the agent ends its session. */
export function endSession(from: Beside & { session: Session }, end: (session: Session) => Promise<void>): Plan {
  return besides(from, async () => {
    await end(from.session);
    return undefined;
  });
}

function besides(from: Beside, work: () => Refusal | undefined | Promise<Refusal | undefined>): Plan {
  return answered(from, async () => (await work()) ?? result({}));
}
