import type { SchemaJson, TypeVariant as WasmType } from '@cedar-policy/cedar-wasm/nodejs';

/** Cedar's JSON schema format, as cedar-wasm types it. */
export type TypeVariant = WasmType<string>;
export type CedarSchema = SchemaJson<string>;
