/** Which swamp this is: what a build was told, which the tests of the source are not. */
declare const SWAMP_VERSION: string | undefined;

export const TOOL_VERSION: string = typeof SWAMP_VERSION === 'string' ? SWAMP_VERSION : '0.0.0';
