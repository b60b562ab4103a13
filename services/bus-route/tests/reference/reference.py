"""Reads the feeds beside this file with readers that are not ours, for `readings.json`: `gtfs_kit`, the official GTFS-Realtime bindings, and GDAL.

    UPDATE_FEEDS=1 cargo test -p bus-route --lib the_feeds_that_others_have_read    # if the feeds have changed
    pip install gtfs_kit gtfs-realtime-bindings pyogrio
    python reference.py > readings.json
"""

import json
import pathlib

import geopandas
import gtfs_kit
from google.transit import gtfs_realtime_pb2 as rt

HERE = pathlib.Path(__file__).parent


def schedule():
    feed = gtfs_kit.read_feed(HERE / "gtfs.zip", dist_units="km")
    tables = ["agency", "stops", "routes", "trips", "stop_times", "calendar", "calendar_dates", "feed_info"]
    faults = []
    times = feed.stop_times
    if not set(times.stop_id) <= set(feed.stops.stop_id):
        faults.append("a time at a stop that is not there")
    if set(times.trip_id) != set(feed.trips.trip_id):
        faults.append("a trip without times, or times without a trip")
    if set(feed.trips.route_id) != set(feed.routes.route_id):
        faults.append("a route without trips, or a trip without a route")
    if set(feed.trips.service_id) != set(feed.calendar.service_id):
        faults.append("a trip on no day")
    if set(feed.routes.agency_id) != set(feed.agency.agency_id):
        faults.append("a route of nobody")
    for trip, rows in times.sort_values("stop_sequence").groupby("trip_id"):
        if list(rows.stop_sequence) != list(range(1, len(rows) + 1)) or not rows.arrival_time.is_monotonic_increasing:
            faults.append(f"{trip} goes back in time")
    if feed.trips.trip_id.duplicated().any() or feed.stops.stop_id.duplicated().any():
        faults.append("an id twice")
    activity = feed.compute_trip_activity(feed.get_dates())
    first = sorted(feed.trips.trip_id)[1]
    rows = times[times.trip_id == first].sort_values("stop_sequence")
    agency = feed.agency.iloc[0]
    return {
        "rows": {table: len(getattr(feed, table)) for table in tables},
        "faults": faults,
        "agency": {"name": agency.agency_name, "timezone": agency.agency_timezone},
        "stop_name": sorted(feed.stops.stop_name)[-1],
        "school_days": int(activity.set_index("trip_id").loc[first].sum()),
        "first_trip": {"trip_id": first, "times": list(rows.arrival_time)},
    }


def feed(name):
    message = rt.FeedMessage()
    # Complains about a required field that is missing.
    message.ParseFromString((HERE / f"{name}.pb").read_bytes())
    assert message.IsInitialized()
    return message


def places(name):
    frame = geopandas.read_file(HERE / f"{name}.geojson", engine="pyogrio")
    assert frame.crs.to_epsg() == 4326 and frame.geometry.is_valid.all()
    kinds = {kind: len(rows) for kind, rows in frame.groupby("kind")}
    rows = [{"id": row.id, "kind": row.kind, "type": row.geometry.geom_type, "places": [list(place) for place in row.geometry.coords]} for row in frame.itertuples()]
    return {"kinds": kinds, "first": rows[0]}


def trip(descriptor):
    return {
        "trip_id": descriptor.trip_id,
        "start_date": descriptor.start_date,
        "route_id": descriptor.route_id,
        "direction_id": descriptor.direction_id,
    }


def vehicle(entity):
    seen = entity.vehicle
    return {
        "trip": trip(seen.trip),
        "position": {name: round(getattr(seen.position, name), 5) for name in ["latitude", "longitude", "speed", "bearing"]},
        "status": rt.VehiclePosition.VehicleStopStatus.Name(seen.current_status),
        "occupancy": rt.VehiclePosition.OccupancyStatus.Name(seen.occupancy_status),
        "percentage": seen.occupancy_percentage,
        "stop_sequence": seen.current_stop_sequence,
        "stop_id": seen.stop_id,
        "plate": seen.vehicle.license_plate,
        "timestamp": seen.timestamp,
    }


def update(entity):
    stops = entity.trip_update.stop_time_update
    return {
        "trip": trip(entity.trip_update.trip),
        "stops": [
            {"stop_sequence": s.stop_sequence, "stop_id": s.stop_id, "time": s.arrival.time, "delay": s.arrival.delay} for s in stops
        ],
    }


def alert(entity):
    told = entity.alert
    about = told.informed_entity[0]
    if about.HasField("trip"):
        named = {"trip_id": about.trip.trip_id}
    elif about.HasField("route_id"):
        named = {"route_id": about.route_id}
    else:
        named = {"agency_id": about.agency_id}
    period = told.active_period[0]
    return {
        "header": told.header_text.translation[0].text,
        "effect": rt.Alert.Effect.Name(told.effect),
        "about": named,
        "period": [period.start, period.end],
    }


def header(message):
    return {
        "version": message.header.gtfs_realtime_version,
        "incrementality": rt.FeedHeader.Incrementality.Name(message.header.incrementality),
        "timestamp": message.header.timestamp,
    }


feeds = {name: feed(name) for name in ["vehicle-positions", "trip-updates", "alerts"]}
print(
    json.dumps(
        {
            "gtfs": schedule(),
            "geojson": {name: places(name) for name in ["routes", "vehicles"]},
            "headers": {name: header(message) for name, message in feeds.items()},
            "vehicle_positions": [vehicle(entity) for entity in feeds["vehicle-positions"].entity],
            "trip_updates": [update(entity) for entity in feeds["trip-updates"].entity],
            "alerts": [alert(entity) for entity in feeds["alerts"].entity],
        },
        indent=1,
        ensure_ascii=False,
    )
)
