// Seed of the room Imaging; replaced by its first real file.
