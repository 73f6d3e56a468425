import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.containers.containerregistry.ContainerRepository;
import com.azure.containers.containerregistry.models.ArtifactManifestOrder;
import com.azure.containers.containerregistry.models.ArtifactManifestProperties;
import com.azure.containers.containerregistry.models.ArtifactTagOrder;
import com.azure.containers.containerregistry.models.ArtifactTagProperties;
import com.azure.containers.containerregistry.models.OciDescriptor;
import com.azure.containers.containerregistry.models.OciImageManifest;
import com.azure.containers.containerregistry.models.UploadRegistryBlobResult;
import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/** The jobs of the SDK's README, one method each: java Samples NAME. Its package has no samples that could be run. */
public final class Samples {
    private static final String ENDPOINT = System.getenv("CONTAINERREGISTRY_ENDPOINT");
    private static final String REPOSITORY = "library/hello-world";
    private static final int NEWEST_KEPT = 3;

    /** Hands out the token that was fetched for this run. */
    private static final TokenCredential CREDENTIAL = request ->
        Mono.just(new AccessToken(System.getenv("INTEROP_ACCESS_TOKEN"), OffsetDateTime.now().plusHours(1)));

    public static void main(String[] args) throws IOException {
        switch (args[0]) {
            case "listRepositories" -> client().listRepositoryNames().forEach(System.out::println);
            case "listTagsAnonymously" -> listTagsAnonymously();
            case "setProperties" -> setProperties();
            case "uploadImage" -> uploadImage();
            case "downloadImage" -> downloadImage();
            case "deleteImages" -> deleteImages();
            case "deleteTags" -> deleteTags();
            case "deleteManifest" -> content().deleteManifest(content().getManifest("latest").getDigest());
            case "deleteBlobs" -> deleteBlobs();
            case "deleteRepository" -> client().deleteRepository(REPOSITORY);
            default -> throw new IllegalArgumentException("there is no sample " + args[0]);
        }
        // The HTTP client's threads would keep the process for some seconds.
        System.exit(0);
    }

    private static ContainerRegistryClient client() {
        return new ContainerRegistryClientBuilder().endpoint(ENDPOINT).credential(CREDENTIAL).buildClient();
    }

    private static ContainerRegistryContentClient content() {
        return new ContainerRegistryContentClientBuilder()
            .endpoint(ENDPOINT)
            .credential(CREDENTIAL)
            .repositoryName(REPOSITORY)
            .buildClient();
    }

    private static void listTagsAnonymously() {
        ContainerRegistryClient anonymous = new ContainerRegistryClientBuilder().endpoint(ENDPOINT).buildClient();
        for (ArtifactTagProperties tag : anonymous.getArtifact(REPOSITORY, "latest").listTagProperties()) {
            System.out.println(tag.getName());
        }
    }

    private static void setProperties() {
        client().getArtifact(REPOSITORY, "v1").updateTagProperties(
            "latest", new ArtifactTagProperties().setWriteEnabled(false).setDeleteEnabled(false));
    }

    private static void uploadImage() {
        ContainerRegistryContentClient content = content();
        UploadRegistryBlobResult config = content.uploadBlob(BinaryData.fromString("{}"));
        UploadRegistryBlobResult layer = content.uploadBlob(BinaryData.fromString("Sample layer"));
        OciImageManifest manifest = new OciImageManifest()
            .setSchemaVersion(2)
            .setConfiguration(descriptor(config, "application/vnd.oci.image.config.v1+json"))
            .setLayers(List.of(descriptor(layer, "application/vnd.oci.image.layer.v1.tar")));
        content.setManifest(manifest, "demo");
    }

    private static OciDescriptor descriptor(UploadRegistryBlobResult blob, String mediaType) {
        return new OciDescriptor()
            .setDigest(blob.getDigest())
            .setSizeInBytes(blob.getSizeInBytes())
            .setMediaType(mediaType);
    }

    private static void downloadImage() throws IOException {
        ContainerRegistryContentClient content = content();
        OciImageManifest manifest = content.getManifest("demo").getManifest().toObject(OciImageManifest.class);
        download(content, manifest.getConfiguration(), "config.json");
        for (OciDescriptor layer : manifest.getLayers()) {
            download(content, layer, layer.getDigest().substring("sha256:".length()));
        }
    }

    private static void download(ContainerRegistryContentClient content, OciDescriptor blob, String file)
        throws IOException {
        try (FileChannel channel =
            FileChannel.open(Path.of(file), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            content.downloadStream(blob.getDigest(), channel);
        }
    }

    private static void deleteImages() {
        ContainerRegistryClient client = client();
        for (String name : client.listRepositoryNames()) {
            ContainerRepository repository = client.getRepository(name);
            List<ArtifactManifestProperties> old = repository
                .listManifestProperties(ArtifactManifestOrder.LAST_UPDATED_ON_DESCENDING, Context.NONE)
                .stream().skip(NEWEST_KEPT).collect(Collectors.toList());
            old.forEach(manifest -> repository.getArtifact(manifest.getDigest()).delete());
        }
    }

    private static void deleteTags() {
        var image = client().getArtifact(REPOSITORY, "latest");
        List<ArtifactTagProperties> old = image.listTagProperties(ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING)
            .stream().skip(NEWEST_KEPT).collect(Collectors.toList());
        old.forEach(tag -> image.deleteTag(tag.getName()));
    }

    private static void deleteBlobs() {
        ContainerRegistryContentClient content = content();
        OciImageManifest manifest = content.getManifest("latest").getManifest().toObject(OciImageManifest.class);
        manifest.getLayers().forEach(layer -> content.deleteBlob(layer.getDigest()));
    }
}
