// Reads one collection's export up to an anchor, and ends with an error if it is not all there.
//
//   java -cp 'JARS/*' ReadExport.java BOOTSTRAP REGISTRY PREFIX NAMESPACE [ANCHOR]
//
// ANCHOR is an id or its beginning; without it the newest anchor is taken at which the export is complete and exact.
// Needs kafka-clients and a deserializer of Avro in Confluent's wire format: here Apicurio's, and REGISTRY is Apicurio's
// own address (…/apis/registry/v2). With Confluent's, take KafkaAvroDeserializer and `schema.registry.url` instead.
// Prints one line of JSON: the anchor, the records read, the documents that they leave.

import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class ReadExport {
    static final Duration LIMIT = Duration.ofSeconds(60);

    /** Where a partition's records begin and end, and how many there are. */
    record Range(long first, long end, long records) {}

    /** One collection at an anchor. */
    record Export(String topic, String export, boolean usable, Map<Integer, Range> ranges) {}

    public static void main(String[] arguments) {
        if (arguments.length < 4) {
            fail("usage: ReadExport BOOTSTRAP REGISTRY PREFIX NAMESPACE [ANCHOR]");
        }
        String namespace = arguments[3], wanted = arguments.length > 4 ? arguments[4] : "";
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("isolation.level", "read_committed"); // aborted records are no part of an export
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest"); // where retention took records, the count says how many are gone
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", AvroKafkaDeserializer.class);
        settings.put("apicurio.registry.url", arguments[1]);
        settings.put("apicurio.registry.as-confluent", "true");
        settings.put("apicurio.registry.use-id", "contentId");
        try (KafkaConsumer<byte[], GenericRecord> consumer = new KafkaConsumer<>(settings)) {
            Map<String, List<GenericRecord>> anchors = anchors(consumer, arguments[2] + ".anchors");
            String anchor = null;
            Export export = null;
            for (String id : anchors.keySet()) {
                Export found = export(anchors, id, namespace);
                if (id.startsWith(wanted) && found != null && found.usable()) {
                    anchor = id;
                    export = found;
                }
            }
            if (export == null) {
                fail("no anchor " + wanted + " holds " + namespace + " complete and exact");
            }
            Map<ByteBuffer, GenericRecord> state = new HashMap<>();
            Map<Integer, Long> counts = new HashMap<>();
            for (ConsumerRecord<byte[], GenericRecord> record : read(consumer, export.topic(), export.ranges())) {
                counts.merge(record.partition(), 1L, Long::sum);
                ByteBuffer key = ByteBuffer.wrap(record.key());
                GenericRecord value = record.value();
                boolean deleted = value == null || value.hasField("__deleted") && Boolean.TRUE.equals(value.get("__deleted"));
                if (deleted) {
                    state.remove(key);
                } else {
                    state.put(key, value);
                }
            }
            for (Map.Entry<Integer, Range> range : export.ranges().entrySet()) {
                long count = counts.getOrDefault(range.getKey(), 0L), expected = range.getValue().records();
                if (count != expected) {
                    fail(export.topic() + "-" + range.getKey() + ": " + count + " records, the anchor counts " + expected);
                }
            }
            long records = counts.values().stream().mapToLong(Long::longValue).sum();
            System.out.printf("{\"anchor\": \"%s\", \"records\": %d, \"documents\": %d}%n", anchor, records, state.size());
        }
    }

    /** All anchors in order: id to its parts. */
    static Map<String, List<GenericRecord>> anchors(KafkaConsumer<byte[], GenericRecord> consumer, String topic) {
        TopicPartition partition = new TopicPartition(topic, 0);
        List<TopicPartition> partitions = List.of(partition);
        long first = consumer.beginningOffsets(partitions).get(partition), end = consumer.endOffsets(partitions).get(partition);
        Map<String, List<GenericRecord>> anchors = new LinkedHashMap<>();
        for (ConsumerRecord<byte[], GenericRecord> record : read(consumer, topic, Map.of(0, new Range(first, end, 0)))) {
            GenericRecord anchor = record.value();
            if (anchor == null) {
                continue; // pruned
            }
            if ((int) anchor.get("format") != 1) {
                fail("anchors of format " + anchor.get("format") + " are unknown here");
            }
            anchors.computeIfAbsent(anchor.get("id").toString(), id -> new ArrayList<>()).add(anchor);
        }
        return anchors;
    }

    /** The collection's whole entry: a difference lists what moved since its base. */
    static Export export(Map<String, List<GenericRecord>> anchors, String id, String namespace) {
        List<GenericRecord> parts = anchors.getOrDefault(id, List.of());
        Export own = null;
        for (GenericRecord part : parts) {
            for (Object listed : (List<?>) part.get("collections")) {
                GenericRecord entry = (GenericRecord) listed;
                if (entry.get("namespace").toString().equals(namespace)) {
                    Map<Integer, Range> ranges = new TreeMap<>();
                    for (Object at : (List<?>) entry.get("partitions")) {
                        GenericRecord place = (GenericRecord) at;
                        Range range = new Range((long) place.get("first"), (long) place.get("end"), (long) place.get("records"));
                        ranges.put((int) place.get("partition"), range);
                    }
                    boolean usable = (boolean) entry.get("export_complete") && (boolean) entry.get("exact");
                    own = new Export(entry.get("topic").toString(), entry.get("export").toString(), usable, ranges);
                }
            }
        }
        if (parts.isEmpty() || parts.get(0).get("base") == null) {
            return own;
        }
        Export before = export(anchors, parts.get(0).get("base").toString(), namespace);
        if (own == null || before == null || !before.export().equals(own.export())) {
            return own == null ? before : own;
        }
        Map<Integer, Range> ranges = new TreeMap<>(before.ranges());
        ranges.putAll(own.ranges());
        return new Export(own.topic(), own.export(), own.usable(), ranges);
    }

    /** The records of the ranges: seek to `first`, stop when the position is at least `end`. */
    static List<ConsumerRecord<byte[], GenericRecord>> read(
            KafkaConsumer<byte[], GenericRecord> consumer, String topic, Map<Integer, Range> ranges) {
        List<TopicPartition> partitions = ranges.keySet().stream().map(number -> new TopicPartition(topic, number)).toList();
        consumer.assign(partitions);
        partitions.forEach(partition -> consumer.seek(partition, ranges.get(partition.partition()).first()));
        List<ConsumerRecord<byte[], GenericRecord>> records = new ArrayList<>();
        long deadline = System.nanoTime() + LIMIT.toNanos();
        // Transaction markers take offsets, and are never given: so the position is compared, and for "at least".
        while (partitions.stream().anyMatch(at -> consumer.position(at) < ranges.get(at.partition()).end())) {
            if (System.nanoTime() > deadline) {
                fail(topic + ": the ends were not reached in " + LIMIT);
            }
            for (ConsumerRecord<byte[], GenericRecord> record : consumer.poll(Duration.ofMillis(200))) {
                if (record.offset() < ranges.get(record.partition()).end()) {
                    records.add(record);
                }
            }
        }
        return records;
    }

    static void fail(String why) {
        System.err.println(why);
        System.exit(1);
    }
}
