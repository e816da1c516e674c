/** Which swamp this is: what the build has set, which it is not in the tests of the source. */
declare const SWAMP_VERSION: string | undefined;

export const TOOL_VERSION: string = typeof SWAMP_VERSION === 'string' ? SWAMP_VERSION : '0.0.0';
