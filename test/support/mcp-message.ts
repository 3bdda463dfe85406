const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
};

/** A request as a 2026-07-28 client writes it, with the headers that must agree with it. */
export function modern(method: string, params: Record<string, unknown> = {}, id = 1) {
  const name = params['name'] ?? params['uri'];
  return {
    message: { jsonrpc: '2.0', id, method, params: { ...params, _meta: META } },
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
  };
}
