import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import React, { type ReactNode } from 'react';

/** A sentence beside the fields. */
export function Note({ children }: { children: ReactNode }) {
  return <p className={useStyles2(getStyles).note}>{children}</p>;
}

const getStyles = (theme: GrafanaTheme2) => ({
  note: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    margin: theme.spacing(0, 0, 0.5, 0),
  }),
});
