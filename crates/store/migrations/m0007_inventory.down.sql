DROP TABLE stock_movements;
DROP TABLE inventory_loans;
DROP TABLE inventory_stock;
DROP TABLE inventory_items;
DROP TABLE inventory_locations;
