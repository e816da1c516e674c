/** `data upload part`: stores one part of an upload, in place of an earlier one of that number; takes no lock. */
import { SwampError } from '../errors.js';
import { withSession } from '../protocol/session.js';
import { requireUpload } from '../recovery/uploads.js';
import type { Repo } from '../repo.js';
import { openSource, requireDemands, type SourceDemands, type SourceInput } from '../store/source.js';
import { MAX_PARTS, putPart } from '../store/uploads/parts.js';
import { operation } from './operation.js';

export interface UploadPartInput extends SourceDemands {
  readonly upload: string;
  /** 1 to 10,000. */
  readonly partNumber: number;
  readonly source: SourceInput;
}

export interface UploadPartResult {
  readonly uploadId: string;
  readonly partNumber: number;
  readonly size: number;
  readonly checksum: string;
}

/** Throws `upload_not_found`, also when the upload is completed or aborted while the part is sent; `model_not_found`, `usage`, `io`, `no_space`. */
export const uploadPart = operation({ verb: 'data upload part', access: 'writes', about: ({ upload, partNumber }) => `${upload} ${partNumber}` }, storePart);

async function storePart(repo: Repo, input: UploadPartInput, options: { readonly signal: AbortSignal }): Promise<UploadPartResult> {
  const { upload: id, partNumber } = input;
  if (!Number.isSafeInteger(partNumber) || partNumber < 1 || partNumber > MAX_PARTS)
    throw new SwampError('usage', `A part has a number from 1 to ${MAX_PARTS}, not ${partNumber}.`, {
      hint: 'Make the parts larger if you need more of them.',
    });
  const modelId = await requireUpload(repo, id, options);
  const source = await openSource(input.source, options.signal);
  try {
    return await withSession(repo, async (session) => {
      const { size, checksum } = await putPart(session, { modelId, id }, partNumber, source.chunks, {
        ...options,
        check: (bytes) => requireDemands(repo, source, input, bytes),
      });
      return { uploadId: id, partNumber, size, checksum };
    });
  } finally {
    source.close();
  }
}
