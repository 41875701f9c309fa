// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * A display of the machine as the importer: what it shows is in a screenshot, which the machine's
 * host takes and compares with the checksum that is printed here: the same, or not the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "interop.h"
#include "screen.h"

static struct screen *card(const struct importer *importer)
{
	static struct {
		struct screen screen;
		bool tried, works;
	} cards[2], *card;

	card = &cards[importer->variant == DUMB_CIRRUS];
	if (!card->tried) {
		card->tried = true;
		card->works = !screen_open(&card->screen, dumb_driver(importer->variant), NULL, 0,
					   0, WIDTH, HEIGHT);
	}
	return card->works ? &card->screen : NULL;
}

bool screen_present(const struct importer *importer)
{
	return settings.screenshot && card(importer);
}

static int take_screenshot(const struct importer *importer, const struct exporter *exporter,
			   uint32_t crc, struct cell *cell)
{
	bool garbled = expected_refusal(exporter, importer).garbled;
	char command[256];
	int status;

	snprintf(command, sizeof(command), "%s %s-%s %s", settings.screenshot, importer->name,
		 exporter->name, importer->name);
	fflush(stdout);
	status = system(command); /* NOLINT(cert-env33-c): the user's own command */
	if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status))
		return wrong(cell, "\"%s\" failed", command);
	printf("# screenshot %s-%s %s%08x\n", importer->name, exporter->name,
	       garbled ? "not " : "", crc);
	if (garbled)
		return wrong(cell, "the host looks whether it is another picture");
	did(cell, "screenshot");
	return 0;
}

int screen_use(const struct importer *importer, const struct exporter *exporter,
	       const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	uint32_t crc;
	int ret = buffer_crc(buffer, &crc);

	if (ret)
		return wrong(cell, "the buffer cannot be read");
	ret = screen_show(card(importer), buffer->dmabuf, PITCH);
	if (!ret && expected_refusal(exporter, importer).unseen)
		did(cell, "accepted");
	else if (!ret)
		ret = take_screenshot(importer, exporter, crc, cell);
	screen_clear(card(importer));
	return ret;
}
