// binary-parser ships ESM code without ESM types; this is the part of its interface that the general decoder uses.
declare module 'binary-parser' {
  export class Parser {
    endianness(order: 'big' | 'little'): this;
    uint8(name: string): this;
    uint16le(name: string): this;
    uint16be(name: string): this;
    uint32le(name: string): this;
    uint32be(name: string): this;
    int32le(name: string): this;
    int32be(name: string): this;
    buffer(name: string, options: { length: number | string }): this;
    array(name: string, options: { type: string | Parser; length: number | string }): this;
    seek(relativeOffset: number): this;
    parse(bytes: Uint8Array): Record<string, unknown>;
    compile(): void;
  }
}
