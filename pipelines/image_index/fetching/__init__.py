"""Files of images from a media server, or a folder, into archives on disk: politely, safely, part by part."""
