import React from 'react';
import { AccessSettings } from './AccessSettings';
import { ConnectionSettings } from './ConnectionSettings';
import { DefaultSettings } from './DefaultSettings';
import { LimitSettings } from './LimitSettings';
import { LinkedSettings } from './LinkedSettings';
import { TlsSettings } from './TlsSettings';
import type { ConfigProps } from './useSettings';

/** The page on which a data source is set up. */
export function ConfigEditor(props: ConfigProps) {
  return (
    <>
      <ConnectionSettings {...props} />
      {props.options.jsonData.secure && <TlsSettings {...props} />}
      <DefaultSettings {...props} />
      <LinkedSettings {...props} />
      <AccessSettings {...props} />
      <LimitSettings {...props} />
    </>
  );
}
