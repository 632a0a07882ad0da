// Seed of the room Formats; replaced by its first real file.
