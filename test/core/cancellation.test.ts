import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Canceller, FirstOf } from '../../src/core/cancellation.ts';

test('each listener is called once, and at once where it was cancelled before', () => {
  const heard: string[] = [];
  const canceller = new Canceller();
  canceller.onCancel(() => heard.push('first'));
  assert.equal(canceller.cancelled, false);
  canceller.cancel();
  canceller.cancel();
  canceller.onCancel(() => heard.push('late'));
  assert.deepEqual(heard, ['first', 'late']);
  assert.equal(canceller.cancelled, true);
});

test('a listener that was taken back is not called, also where another takes it back', () => {
  const heard: string[] = [];
  const canceller = new Canceller();
  const listeners: (() => void)[] = [];
  canceller.onCancel(() => {
    heard.push('first');
    listeners[1]?.();
  });
  for (const name of ['second', 'third', 'fourth']) listeners.push(canceller.onCancel(() => heard.push(name)));
  listeners[0]?.();
  listeners[0]?.();
  canceller.cancel();
  assert.deepEqual(heard, ['first', 'fourth']);
});

test('the first of several cancels, unless it was released', () => {
  const [one, other] = [new Canceller(), new Canceller()];
  const first = new FirstOf(one, other);
  const released = new FirstOf(one, other);
  released.release();
  other.cancel();
  one.cancel();
  assert.deepEqual([first.cancelled, released.cancelled], [true, false]);
  assert.equal(new FirstOf(new Canceller(), one).cancelled, true);
});
