import { hash } from 'node:crypto';
import type { Presented } from '../../src/core/exchange.ts';
import type { AgentKey, TokenSigner } from './keys.ts';
import { HOST, ISSUER } from './replica.ts';

/** An agent as the world knows it: its key, and the token of its present run. */
export type Agent = {
  id: string;
  key: AgentKey;
  generation: number;
  run: string;
  token: string;
  /** `jti` of the token. */
  tokenId: string;
};

/** One request of an agent's. Its bytes are unlike any other's, so an effect tells which request it is of. */
export type Call = {
  number: number;
  agent: Agent;
  run: string;
  generation: number;
  tokenId: string;
  effect: 'read' | 'write';
  sent: Uint8Array;
  digest: string;
  presented: Presented;
  /** Whether the upstream asks something back before it answers. */
  asksBack: boolean;
};

export const PATH = '/mcp/journal';

export function mintToken(
  sign: TokenSigner,
  agent: Pick<Agent, 'id' | 'key' | 'generation' | 'run' | 'tokenId'>,
  now: number,
): string {
  const seconds = Math.floor(now / 1000);
  return sign({
    iss: ISSUER,
    aud: ISSUER,
    sub: agent.id,
    client_id: agent.id,
    generation: agent.generation,
    run: agent.run,
    job: 'support',
    jti: agent.tokenId,
    iat: seconds - 5,
    exp: seconds + 590,
    cnf: { jkt: agent.key.thumbprint },
  });
}

export function makeCall(number: number, agent: Agent, now: number, kind: Pick<Call, 'effect' | 'asksBack'>): Call {
  const sent = Buffer.from(JSON.stringify({ call: number, agent: agent.id, effect: kind.effect }));
  const proof = agent.key.proof({
    jti: `proof-${number}`,
    htm: 'POST',
    htu: `${ISSUER}${PATH}`,
    iat: Math.floor(now / 1000),
    ath: hash('sha256', agent.token, 'base64url'),
  });
  return {
    number,
    agent,
    run: agent.run,
    generation: agent.generation,
    tokenId: agent.tokenId,
    ...kind,
    sent,
    digest: hash('sha256', sent),
    presented: {
      address: '192.0.2.7',
      host: HOST,
      origin: undefined,
      authorization: `DPoP ${agent.token}`,
      proofs: [proof],
      method: 'POST',
      path: PATH,
      bytes_announced: sent.length,
    },
  };
}
