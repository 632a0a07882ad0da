// Seed of the room Tracking; replaced by its first real file.
