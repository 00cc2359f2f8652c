// Reads topics as any Java consumer does, and writes what it was given as JSON, one line a record.
//
//   java -cp 'JARS/*' Decode.java BOOTSTRAP REGISTRY MODE OUTPUT TOPIC...
//
// MODE `serde`: a KafkaConsumer with Apicurio's AvroKafkaDeserializer for keys and values, in Confluent's wire format.
// MODE `connect`: the bytes through a Connect converter, as a sink connector sees them; `schema` says what Connect made
// of each field.
//
// Types stay told apart: a double always has a point, bytes are {"$bytes": base64}, a Connect timestamp is its
// milliseconds. The record's place is partition and offset, so that nothing depends on the order of partitions.

import com.fasterxml.jackson.databind.ObjectMapper;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.utils.converter.AvroConverter;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;

public class Decode {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Duration LIMIT = Duration.ofSeconds(60);

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0], registry = arguments[1], mode = arguments[2], output = arguments[3];
        List<String> topics = Arrays.asList(arguments).subList(4, arguments.length);
        Map<String, Object> settings = new HashMap<>();
        // What someone who moves from Confluent's deserializer sets.
        settings.put("apicurio.registry.url", registry);
        settings.put("apicurio.registry.as-confluent", "true");
        settings.put("apicurio.registry.use-id", "contentId");
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", "read_committed");
        settings.put("enable.auto.commit", "false");
        boolean serde = mode.equals("serde");
        Class<?> deserializer = serde ? AvroKafkaDeserializer.class : ByteArrayDeserializer.class;
        settings.put("key.deserializer", deserializer);
        settings.put("value.deserializer", deserializer);
        AvroConverter<Object> keys = new AvroConverter<>(), values = new AvroConverter<>();
        if (!serde) {
            keys.configure(settings, true);
            values.configure(settings, false);
        }
        try (KafkaConsumer<Object, Object> consumer = new KafkaConsumer<>(settings);
             PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(output), StandardCharsets.UTF_8))) {
            for (ConsumerRecord<Object, Object> record : all(consumer, topics)) {
                StringBuilder line = new StringBuilder("{\"topic\": " + text(record.topic()));
                line.append(", \"partition\": ").append(record.partition()).append(", \"offset\": ").append(record.offset());
                if (serde) {
                    line.append(", \"key\": ").append(json(record.key())).append(", \"value\": ").append(json(record.value()));
                } else {
                    SchemaAndValue key = keys.toConnectData(record.topic(), (byte[]) record.key());
                    SchemaAndValue value = values.toConnectData(record.topic(), (byte[]) record.value());
                    line.append(", \"key\": ").append(json(key.value())).append(", \"value\": ").append(json(value.value()));
                    line.append(", \"schema\": ").append(names(value.schema()));
                }
                Map<String, String> headers = new HashMap<>();
                for (Header header : record.headers()) {
                    headers.put(header.key(), header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8));
                }
                out.println(line.append(", \"headers\": ").append(JSON.writeValueAsString(headers)).append("}"));
            }
        }
    }

    /** Everything that is committed now, read until each partition's position has reached its end. */
    static List<ConsumerRecord<Object, Object>> all(KafkaConsumer<Object, Object> consumer, List<String> topics) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : topics) {
            consumer.partitionsFor(topic).forEach(part -> partitions.add(new TopicPartition(topic, part.partition())));
        }
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        List<ConsumerRecord<Object, Object>> records = new ArrayList<>();
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (partitions.stream().anyMatch(part -> consumer.position(part) < ends.get(part))) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("the ends were not reached in " + LIMIT);
            }
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        }
        return records;
    }

    static String text(String value) throws Exception {
        return JSON.writeValueAsString(value);
    }

    static String json(Object value) throws Exception {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            return String.valueOf(value);
        }
        if (value instanceof Float || value instanceof Double) {
            return Double.toString(((Number) value).doubleValue());
        }
        if (value instanceof CharSequence || value instanceof UUID || value instanceof Enum || value instanceof org.apache.avro.generic.GenericEnumSymbol) {
            return text(value.toString());
        }
        if (value instanceof java.util.Date date) {
            return Long.toString(date.getTime());
        }
        if (value instanceof java.time.Instant instant) {
            return Long.toString(instant.toEpochMilli());
        }
        if (value instanceof ByteBuffer buffer) {
            byte[] content = new byte[buffer.remaining()];
            buffer.duplicate().get(content);
            return bytes(content);
        }
        if (value instanceof byte[] content) {
            return bytes(content);
        }
        if (value instanceof GenericFixed fixed) {
            return bytes(fixed.bytes());
        }
        if (value instanceof IndexedRecord record) {
            List<String> parts = new ArrayList<>();
            for (var field : record.getSchema().getFields()) {
                parts.add(text(field.name()) + ": " + json(record.get(field.pos())));
            }
            return "{" + String.join(", ", parts) + "}";
        }
        if (value instanceof Struct struct) {
            List<String> parts = new ArrayList<>();
            for (Field field : struct.schema().fields()) {
                parts.add(text(field.name()) + ": " + json(struct.get(field)));
            }
            return "{" + String.join(", ", parts) + "}";
        }
        if (value instanceof Map<?, ?> map) {
            List<String> parts = new ArrayList<>();
            for (var entry : map.entrySet()) {
                parts.add(text(entry.getKey().toString()) + ": " + json(entry.getValue()));
            }
            return "{" + String.join(", ", parts) + "}";
        }
        if (value instanceof Collection<?> items) {
            List<String> parts = new ArrayList<>();
            for (Object item : items) {
                parts.add(json(item));
            }
            return "[" + String.join(", ", parts) + "]";
        }
        throw new IllegalArgumentException(value.getClass() + " has no JSON here");
    }

    static String bytes(byte[] content) {
        return "{\"$bytes\": \"" + Base64.getEncoder().encodeToString(content) + "\"}";
    }

    /** The Connect type of each field: its schema's name where it has one (a logical type), else its type. */
    static String names(Schema schema) throws Exception {
        if (schema == null) {
            return "null";
        }
        List<String> parts = new ArrayList<>();
        for (Field field : schema.fields()) {
            String name = field.schema().type() == Schema.Type.STRUCT ? null : field.schema().name();
            parts.add(text(field.name()) + ": " + text(name != null ? name : field.schema().type().getName()));
        }
        return "{" + String.join(", ", parts) + "}";
    }
}
