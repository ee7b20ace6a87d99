import {
  type BuilderConfig,
  builderConfigSchema,
  configEntry,
  parseImageReference,
} from '../contracts/index.js';
import { brokenText, type FieldError, SlipwayError, shownValue } from '../errors/index.js';
import { type JsonBounds, parseJson } from '../json/index.js';
import { normalPlatform, parsePlatform, platformRule, repeatedPlatform } from '../platforms/index.js';
import { type BuildOptions, buildOptions, optionErrors } from './build-options.js';

/** The validated `com.openfaas.docker.config`. */
export interface BuildConfig {
  readonly image: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Platforms in normal form. None means the builder's own. */
  readonly platforms: readonly string[];
  readonly push: boolean;
  /** Attestations to push beside the image. Other builders ignore them. */
  readonly sbom: boolean;
  readonly provenance: boolean;
  readonly options: BuildOptions;
}

/** Allows some unknown keys, because other builders ignore them. A mebibyte parses within milliseconds. */
const bounds: JsonBounds = { maxDepth: 32, maxTokens: 50_000, maxItems: 10_000 };

/**
 * Parses the config entry. Ignores unknown keys, reads `platforms: [""]` as none, and removes repeated platforms. Throws
 * `json_invalid`, `json_too_complex`, `image_invalid`, or `request_invalid` with the invalid fields.
 */
export function parseBuildConfig(content: Buffer): BuildConfig {
  const given = validated(parseJson({ bytes: content, bounds, what: configEntry }));
  const { image, buildArgs, platforms, skipPush, sbom, provenance } = given;
  const push = skipPush !== true;
  if (push && parseImageReference(image)?.digest !== undefined) {
    throw new SlipwayError(
      'image_invalid',
      'An image that is yet to be built cannot be named by its digest.',
    );
  }
  const spelled = [
    ...new Set((platforms ?? []).map((platform) => platform.trim()).filter((platform) => platform !== '')),
  ];
  const config = {
    image,
    buildArgs: buildArgs ?? {},
    platforms: spelled.map(normalPlatform),
    push,
    sbom: sbom === true,
    provenance: provenance === true,
    options: buildOptions(given),
  };
  const errors = [
    ...argumentErrors(config.buildArgs),
    ...platformErrors(spelled),
    ...optionErrors(config.options),
  ];
  if (errors.length > 0) throw invalid(errors);
  return config;
}

function validated(value: unknown): BuilderConfig {
  const broken = brokenText(value);
  if (broken) throw invalid([broken]);
  const result = builderConfigSchema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({
    path: pointer(path.map(String)),
    message,
  }));
  const image = (value as { image?: unknown } | null)?.image;
  if (typeof image === 'string' && errors.some(({ path }) => path === '/image')) {
    throw new SlipwayError('image_invalid', `${shownValue(image)} is not an image reference.`);
  }
  throw invalid(errors);
}

/** BuildKit splits `name=value` at the first `=`, so a name with an `=` would set another argument. A command line cannot hold zero bytes. */
function argumentErrors(buildArgs: BuildConfig['buildArgs']): FieldError[] {
  return Object.entries(buildArgs).flatMap(([name, value]) => {
    const path = pointer(['buildArgs', name]);
    if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/.test(name))
      return [{ path, message: `${shownValue(name)} is not the name of an argument` }];
    return value.includes('\0') ? [{ path, message: 'holds a zero byte' }] : [];
  });
}

function platformErrors(platforms: readonly string[]): FieldError[] {
  const path = '/platforms';
  const repeated = repeatedPlatform(platforms);
  return [
    ...platforms
      .filter((platform) => parsePlatform(platform) === undefined)
      .map((platform) => ({ path, message: `${shownValue(platform)} ${platformRule}` })),
    ...(repeated === undefined ? [] : [{ path, message: repeated }]),
  ];
}

function invalid(errors: readonly FieldError[]): SlipwayError {
  const first = errors[0];
  return new SlipwayError('request_invalid', `${configEntry}: ${first?.path} ${first?.message}.`, { errors });
}

/** Returns a JSON Pointer (RFC 6901). */
function pointer(path: readonly string[]): string {
  return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
