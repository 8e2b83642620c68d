"""The store's schema in steps; run by `stores.connection` when a store is opened."""
